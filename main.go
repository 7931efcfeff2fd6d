// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// The provider binary.
package main

import (
	"flag"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

// version is set by the linker.
var version = "dev"

const (
	// gcPercent trades memory for time: a plan is a short life with much garbage.
	gcPercent = 400
	// memoryLimit makes the collector work harder before the process gets larger, in bytes.
	memoryLimit = 208 << 20
	// engineCheck is how often the provider looks whether its engine is still there.
	engineCheck = time.Second
)

func main() {
	debugger := flag.Bool("debug", false, "run as a server for a debugger")
	flag.Parse()
	quietFramework()
	tuneCollector()
	var options []tf6server.ServeOpt
	if *debugger {
		options = append(options, tf6server.WithManagedDebug())
	}
	if !*debugger {
		go endWithEngine(os.Getppid())
	}
	serve := func() tfprotov6.ProviderServer { return provider.Server(version, os.Getenv) }
	if err := tf6server.Serve(provider.Address, serve, options...); err != nil {
		log.Fatal(err)
	}
}

// endWithEngine ends the process soon after the engine that started it is gone: an
// engine that is killed ends no providers, and they would stay for ever. What it
// was doing has ended with the connection.
func endWithEngine(engine int) {
	for range time.Tick(engineCheck) {
		if os.Getppid() != engine {
			os.Exit(1)
		}
	}
}

// quietFramework switches the framework's own trace off when nobody reads logs:
// writing lines that the engine drops is a third of the time of a large plan.
func quietFramework() {
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "TF_LOG") {
			return
		}
	}
	if err := os.Setenv("TF_LOG_SDK", "OFF"); err != nil {
		log.Printf("set TF_LOG_SDK: %s", err)
	}
}

// tuneCollector leaves GOGC and GOMEMLIMIT to who set them.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
