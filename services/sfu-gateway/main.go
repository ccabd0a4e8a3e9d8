// Command sfu-gateway carries the avatar to browsers and the microphone back, over WebRTC.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"flashback/sfu-gateway/config"
	"flashback/sfu-gateway/gateway"
	"flashback/sfu-gateway/logs"
)

//go:embed config.yaml
var defaults []byte

// Exit statuses. The second is EX_SOFTWARE of sysexits.h, as the Python services have it (services/common/service.py).
const (
	startupFailed    = 1
	backgroundFailed = 70
)

func main() {
	path := flag.String("config", "", "read this file instead of the config.yaml that is compiled in")
	check := flag.Bool("ready", false, "ask the gateway that runs here with the same settings whether it is ready, and exit")
	flag.Parse()
	if err := run(*path, *check); err != nil {
		fmt.Fprintf(os.Stderr, "sfu-gateway: %v\n", err)
		os.Exit(status(err))
	}
}

func status(err error) int {
	if failure := new(gateway.Failure); errors.As(err, &failure) {
		return backgroundFailed
	}
	return startupFailed
}

func run(path string, check bool) error {
	file := defaults
	if path != "" {
		var err error
		if file, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	settings, err := config.Load(os.Getenv, file)
	if err != nil {
		return err
	}
	if check {
		return gateway.Ready(settings)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	g, err := gateway.New(settings, logs.New(os.Stdout, settings.LogLevel, settings.LogFormat))
	if err != nil {
		return err
	}
	return g.Run(ctx)
}
