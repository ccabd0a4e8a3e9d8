package stream

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// pushed is the order, in sequence numbers, in which packets (sequence number, picture, ms of arrival) come out.
func pushed(o *reorderBuffer, packets ...[3]int) (out []uint16) {
	for _, p := range packets {
		at := noon.Add(time.Duration(p[2]) * time.Millisecond)
		for _, due := range o.push(packet(uint16(p[0]), uint32(p[1])*6000), at) {
			out = append(out, due.SequenceNumber)
		}
	}
	return out
}

// What was overtaken within a burst comes out in order, also across the end of the numbers.
func TestOrderIsRestored(t *testing.T) {
	for _, c := range []struct {
		what     string
		in       [][3]int
		expected []uint16
	}{
		{"the first of a picture last", [][3]int{{5, 1, 0}, {7, 2, 66}, {8, 2, 66}, {6, 2, 66}, {9, 3, 133}}, []uint16{6, 7, 8, 9}},
		{"a wrap", [][3]int{{65534, 1, 0}, {0, 2, 66}, {1, 2, 66}, {65535, 2, 66}}, []uint16{65535, 0, 1}},
		{"in order", [][3]int{{5, 1, 0}, {6, 2, 66}, {7, 2, 66}}, []uint16{6, 7}},
		{"twice the same", [][3]int{{5, 1, 0}, {7, 2, 66}, {7, 2, 66}, {6, 2, 66}}, []uint16{6, 7}},
		{"the first picture is left out, whatever its order", [][3]int{{7, 1, 0}, {8, 1, 0}, {6, 1, 0}, {9, 2, 66}}, []uint16{9}},
	} {
		if got := pushed(new(reorderBuffer), c.in...); !slices.Equal(got, c.expected) {
			t.Errorf("%s: %v instead of %v", c.what, got, c.expected)
		}
	}
}

// A packet that is lost holds the others for a moment only, and is passed on if it comes after all.
func TestLossDoesNotStopTheFlow(t *testing.T) {
	o := new(reorderBuffer)
	if got := pushed(o, [3]int{5, 1, 0}, [3]int{7, 2, 66}, [3]int{8, 2, 67}); got != nil {
		t.Errorf("%v did not wait", got)
	}
	if got := pushed(o, [3]int{9, 3, 133}); !slices.Equal(got, []uint16{7, 8, 9}) {
		t.Errorf("%v after a while", got)
	}
	if got := pushed(o, [3]int{6, 2, 140}); !slices.Equal(got, []uint16{6}) {
		t.Errorf("%v came late", got)
	}
	var burst []*rtp.Packet
	for i := range reorderHeld + 2 {
		burst = append(burst, o.push(packet(uint16(11+i), 5*6000), noon.Add(150*time.Millisecond))...)
	}
	if len(burst) < reorderHeld {
		t.Errorf("%d of a long burst came through", len(burst))
	}
}
