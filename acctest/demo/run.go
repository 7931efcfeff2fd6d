// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/account"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

const (
	// runTokenLife is what a manager in the foreground asks for. Its token is renewed when half of what was granted is over.
	runTokenLife = 24 * time.Hour
	// renewRetry is how long after a failed renewal the next one is tried.
	renewRetry = time.Minute
)

// run installs the addon on a cluster of the user's own and runs its manager in the foreground until ctx ends.
func run(ctx context.Context, l layout, engine string, flags hubFlags, s streams) error {
	hub, err := flags.hub()
	if err != nil {
		return err
	}
	if l, err = l.forHub(hub); err != nil {
		return err
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	store, err := tools.DefaultStore(s.out)
	if err != nil {
		return err
	}
	program, err := terraform.Find(ctx, engine, store)
	if err != nil {
		return err
	}
	if err := terraform.WriteCLIConfig(l.cliConfig(), l.bin); err != nil {
		return err
	}
	step(s.out, "Installing the addon with examples/addon")
	addon := l.terraform(addonExample, program, s.out)
	if err := apply(ctx, l, addon, addonExample, addonVariables(hub)); err != nil {
		return err
	}
	if err := applyDefinitions(ctx, l, hub, false, s.out); err != nil {
		return err
	}
	quickstart := l.terraform(quickstartExample, program, s.out)
	if err := quickstart.Prepare(l.example(quickstartExample), localVariables(hub)); err != nil {
		return err
	}
	printRunGuide(addon, quickstart, s.out)
	return runManager(ctx, l.addon(), l.addonAccount(hub), s)
}

// hub returns the cluster that the flags name.
func (f hubFlags) hub() (account.Hub, error) {
	if f.kubeconfig == "" {
		return account.Hub{}, errors.New("no cluster was named: make run KUBECONFIG=/path/of/its/kubeconfig (and CONTEXT=..., if not its current one)")
	}
	path, err := filepath.Abs(f.kubeconfig)
	if err != nil {
		return account.Hub{}, fmt.Errorf("resolving %q: %w", f.kubeconfig, err)
	}
	return account.Hub{Kubeconfig: path, Context: f.context}, nil
}

// forHub gives each cluster a folder of its own, so that the state of one is never applied to another.
func (l layout) forHub(hub account.Hub) (layout, error) {
	server, err := hub.Server()
	if err != nil {
		return layout{}, err
	}
	address, err := url.Parse(server)
	if err != nil || address.Host == "" {
		return layout{}, fmt.Errorf("kubeconfig %s: the server's address %q is no URL", hub.Kubeconfig, server)
	}
	l.dir = filepath.Join(l.dir, folderName(address.Host+address.Path))
	return l, nil
}

// folderName replaces what does not belong into the name of a folder.
func folderName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", r) {
			return r
		}
		return '_'
	}, strings.TrimRight(name, "/"))
}

// localVariables deliver the quickstart to the hub alone.
func localVariables(hub account.Hub) map[string]any {
	variables := map[string]any{"kubeconfig": hub.Kubeconfig, "clusters": []string{}}
	if hub.Context != "" {
		variables["kubeconfig_context"] = hub.Context
	}
	return variables
}

func printRunGuide(addon, quickstart terraform.Workspace, out io.Writer) {
	step(out, "In another terminal (the configuration is examples/quickstart, with clusters = [])")
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("apply"))
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("destroy"))
	step(out, "Remove the addon, while the manager runs")
	fmt.Fprintf(out, "  %s\n", addon.CommandLine("destroy"))
}

// runManager runs the manager in the foreground under the account until ctx ends, and removes the credential afterwards.
func runManager(ctx context.Context, binary string, a account.Account, s streams) (err error) {
	expires, err := a.Write(ctx, runTokenLife)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Remove()) }()
	addresses, err := freeAddresses(ctx, 2)
	if err != nil {
		return err
	}
	renewing, stop := context.WithCancel(ctx)
	defer stop()
	go renew(renewing, a, expires, s.err)

	step(s.out, "Running the manager as service account %s/%s (health and readiness at http://%s; Ctrl-C ends it)", a.Namespace, a.Name, addresses[0])
	cmd := exec.CommandContext(ctx, binary, managerArgs(a, addresses[0], addresses[1])...)
	cmd.Stdout, cmd.Stderr = s.out, s.err
	// In a group of its own it gets a Ctrl-C at the terminal once, from us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	err = cmd.Run()
	if ctx.Err() != nil {
		fmt.Fprintln(s.out, "\nThe manager has ended. What was delivered stays; the addon stays installed.")
		return nil
	}
	if err == nil {
		err = errors.New("it was not asked to")
	}
	return fmt.Errorf("the manager ended by itself: %w", err)
}

// renew writes a new token each time that half of the last one's life is over.
func renew(ctx context.Context, a account.Account, expires time.Time, log io.Writer) {
	for {
		timer := time.NewTimer(max(renewRetry, time.Until(expires)/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		next, err := a.Write(ctx, runTokenLife)
		if err != nil {
			fmt.Fprintf(log, "renewing the manager's token, which expires at %s: %s\n", expires.Format(time.RFC3339), err)
			continue
		}
		expires = next
	}
}
