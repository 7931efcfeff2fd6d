// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/controller"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

const (
	// memoryLimit is what the Go runtime keeps to when GOMEMLIMIT does not say
	// otherwise, as in the chart, and gcPercent how early it collects: the addon is
	// to be small rather than a little faster. A limit near to what is in use would
	// take half of the processor for collections.
	memoryLimit = 256 << 20
	gcPercent   = 40
	// returnEvery is how often memory that nothing uses is given back: a collection of
	// what is in use takes some hundredths of a second of one core.
	returnEvery = 30 * time.Second
	// patience is how long a reconcile waits for foreign CUE before it lets others
	// have its turn: longer than all but a few evaluations take.
	patience = 300 * time.Millisecond
)

type managerFlags struct {
	kubeconfig, context           string
	healthAddress, metricsAddress string
	metricsSecure, leaderElect    bool
	workers                       int
	logLevel, logFormat           string
}

func newManagerCommand() *cobra.Command {
	var flags managerFlags
	command := &cobra.Command{
		Use:   "manager",
		Short: "Run the controllers",
		Long: `Run the controllers that deliver applications.

In a cluster the manager acts as its pod's service account. Outside of one,
name a kubeconfig: there is no other place where it looks for one.`,
		Example: "  fairlead-addon manager --kubeconfig hub.kubeconfig --leader-elect=false",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runManager(command, flags) },
	}
	set := command.Flags()
	set.StringVar(&flags.kubeconfig, "kubeconfig", "", "kubeconfig of the hub; without it the service account of the pod is used")
	set.StringVar(&flags.context, "context", "", "context of the kubeconfig; its current one when empty")
	set.StringVar(&flags.healthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 switches them off")
	set.StringVar(&flags.metricsAddress, "metrics-bind-address", ":8443", "address of /metrics; 0 switches it off")
	set.BoolVar(&flags.metricsSecure, "metrics-secure", true, "serve metrics by TLS to whom the hub's RBAC allows it")
	set.BoolVar(&flags.leaderElect, "leader-elect", true, "work only while holding the lease fairlead-system/fairlead-addon")
	set.IntVar(&flags.workers, "concurrency", 16, "applications that are worked on at once")
	set.StringVar(&flags.logLevel, "log-level", "info", "trace, debug, info, warn or error")
	set.StringVar(&flags.logFormat, "log-format", "json", "json or text")
	return command
}

func runManager(command *cobra.Command, flags managerFlags) error {
	logger, err := newLogger(flags)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logrFrom(logger))
	limitMemory()
	config, err := loadConfig(flags)
	if err != nil {
		return err
	}
	config.UserAgent = "fairlead-addon/" + version
	runner, err := sandbox.New(sandbox.Options{Patience: patience, OnKill: func(kill sandbox.Kill) {
		logger.Warn("ended the process that evaluates definitions", "reason", kill.Reason, "definitions", kill.Sources)
		logger.Trace("its last words", "stderr", kill.Stderr)
	}})
	if err != nil {
		return fmt.Errorf("make the sandbox for definitions: %w", err)
	}
	defer runner.Close()
	manager, err := controller.NewManager(command.Context(), controller.Options{
		Config: config, Logger: logrFrom(logger), LeaderElection: flags.leaderElect,
		HealthAddress: flags.healthAddress, MetricsAddress: flags.metricsAddress, MetricsSecure: flags.metricsSecure,
		Workers: flags.workers, Registry: metrics.Registry, Runner: runner,
	})
	if err != nil {
		return err
	}
	go returnMemory(command.Context(), time.NewTicker(returnEvery))
	logger.Info("starting", "version", version, "hub", config.Host)
	if err := manager.Start(command.Context()); err != nil {
		return fmt.Errorf("run the controllers against %s: %w", config.Host, err)
	}
	return nil
}

func newLogger(flags managerFlags) (hclog.Logger, error) {
	level := hclog.LevelFromString(flags.logLevel)
	if level == hclog.NoLevel || level == hclog.Off {
		return nil, fmt.Errorf("--log-level %q: want trace, debug, info, warn or error", flags.logLevel)
	}
	if flags.logFormat != "json" && flags.logFormat != "text" {
		return nil, fmt.Errorf("--log-format %q: want json or text", flags.logFormat)
	}
	return hclog.New(&hclog.LoggerOptions{
		Name: "fairlead-addon", Level: level, Output: os.Stderr, JSONFormat: flags.logFormat == "json",
	}), nil
}

// returnMemory gives back to the operating system what a burst of work took and
// nothing uses any more. The runtime by itself keeps what it would need for the next one.
func returnMemory(ctx context.Context, ticker *time.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			debug.FreeOSMemory()
		}
	}
}

func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// loadConfig reads the kubeconfig that was named, or the pod's service account.
func loadConfig(flags managerFlags) (*rest.Config, error) {
	if flags.kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no --kubeconfig was given and this is no pod of a cluster: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: flags.kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: flags.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig %s: %w", flags.kubeconfig, err)
	}
	return config, nil
}
