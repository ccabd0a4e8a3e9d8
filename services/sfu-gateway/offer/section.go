package offer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

var directions = []string{sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive}

// section is an audio or video media section; sends and receives are what the offerer does in it.
type section struct {
	media           *sdp.MediaDescription
	kind            Kind
	sends, receives bool
}

// readSections returns the audio and video sections. Data channels are left alone, anything else is an error, because
// an answer must mirror the offer section by section.
func readSections(description *sdp.SessionDescription) ([]*section, error) {
	fallback := direction(description.Attributes)
	var sections []*section
	for i, media := range description.MediaDescriptions {
		if mid, ok := media.Attribute(sdp.AttrKeyMID); !ok || mid == "" {
			return nil, MalformedError{fmt.Sprintf("media section %d has no mid; offer with the unified plan", i+1)}
		}
		switch kind := media.MediaName.Media; kind {
		case "application":
		case string(Audio), string(Video):
			s := &section{media: media, kind: Kind(kind)}
			way := direction(media.Attributes)
			if way == "" {
				way = fallback
			}
			if media.MediaName.Port.Value == 0 && !bundleOnly(media) {
				way = sdp.AttrKeyInactive
			}
			s.sends = way == "" || way == sdp.AttrKeySendRecv || way == sdp.AttrKeySendOnly
			s.receives = way == "" || way == sdp.AttrKeySendRecv || way == sdp.AttrKeyRecvOnly
			sections = append(sections, s)
		default:
			return nil, UnacceptableError{fmt.Sprintf("media section %d is %q; only audio, video and application are known", i+1, kind)}
		}
	}
	if len(sections) == 0 {
		return nil, UnacceptableError{"the offer has neither an audio nor a video section"}
	}
	return sections, nil
}

func findSection(sections []*section, kind Kind, fits func(*section) bool) *section {
	i := slices.IndexFunc(sections, func(s *section) bool { return s.kind == kind && fits(s) })
	if i < 0 {
		return nil
	}
	return sections[i]
}

func direction(attributes []sdp.Attribute) string {
	for _, a := range attributes {
		if slices.Contains(directions, a.Key) {
			return a.Key
		}
	}
	return ""
}

func bundleOnly(media *sdp.MediaDescription) bool {
	_, ok := media.Attribute("bundle-only")
	return ok
}

func (s *section) offersCodec(codec string) bool {
	for _, a := range s.media.Attributes {
		if a.Key == "rtpmap" {
			_, mapping, _ := strings.Cut(a.Value, " ")
			mapping = strings.ToLower(mapping)
			if mapping == codec || strings.HasPrefix(mapping, codec+"/") {
				return true
			}
		}
	}
	return false
}

// writeDirection puts the narrowed direction into the section.
func (s *section) writeDirection() {
	way := sdp.AttrKeyInactive
	switch {
	case s.sends && s.receives:
		way = sdp.AttrKeySendRecv
	case s.sends:
		way = sdp.AttrKeySendOnly
	case s.receives:
		way = sdp.AttrKeyRecvOnly
	}
	kept := slices.DeleteFunc(s.media.Attributes, func(a sdp.Attribute) bool { return slices.Contains(directions, a.Key) })
	s.media.Attributes = append(kept, sdp.Attribute{Key: way})
}
