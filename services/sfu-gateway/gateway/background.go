package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// part is work that the gateway cannot be without. run returns nil once its context has ended, and not before.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// errEnded stands for the reason of a part that returned without an error although nobody stopped it.
var errEnded = errors.New("it ended, which it must not")

// Failure is what Run returns when a part failed. Its text is for the log: it may tell addresses.
type Failure struct {
	Part   string
	Reason error
}

func (f *Failure) Error() string { return fmt.Sprintf("the %s failed: %v", f.Part, f.Reason) }

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Reason }

// background runs the parts. The first that fails is logged with its name, and ends them all.
type background struct {
	log     *slog.Logger
	failure atomic.Pointer[Failure]
}

// run starts the parts, waits until ctx ends or one of them fails, calls stopping while they still run, and stops them.
// It returns the first *Failure, or nil.
func (b *background) run(ctx context.Context, parts []part, stopping func()) error {
	running, stop := context.WithCancel(context.Background())
	group, ending := errgroup.WithContext(ctx)
	for _, p := range parts {
		group.Go(func() error { return b.keep(running, p) })
	}
	<-ending.Done()
	stopping()
	stop()
	return group.Wait()
}

func (b *background) keep(ctx context.Context, p part) error {
	err := p.run(ctx)
	if ctx.Err() != nil {
		return nil // it was stopped
	}
	if err == nil {
		err = errEnded
	}
	failure := &Failure{Part: p.name, Reason: err}
	b.failure.CompareAndSwap(nil, failure)
	b.log.Error("background work failed; the gateway ends", "work", p.name, "reason", err)
	return failure
}

// failed is a sentence about the part that failed first; empty while all is well.
func (b *background) failed() string {
	if failure := b.failure.Load(); failure != nil {
		return fmt.Sprintf("The %s failed, so this gateway ends; its log has the details.", failure.Part)
	}
	return ""
}
