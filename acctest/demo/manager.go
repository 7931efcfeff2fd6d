// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/account"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// accountName is the service account that the chart creates for the addon.
	accountName = "fairlead-addon"
	// tokenLife is what a manager in the background gets: nobody renews its token but the next run.
	tokenLife = 30 * 24 * time.Hour
	// renewBefore is how much of its life a token must have left to be kept.
	renewBefore = 24 * time.Hour

	readyTimeout = time.Minute
	readyPoll    = 200 * time.Millisecond
	stopGrace    = 20 * time.Second
	// logTail bounds what is quoted of the manager's log, in bytes.
	logTail = 3000
)

// managerRecord is what a run notes about the manager that it has started.
type managerRecord struct {
	// Digest is the SHA-256 of the binary.
	Digest string `json:"digest"`
	// Server is the hub that it works for.
	Server string `json:"server"`
	// Health is the address of its health endpoint.
	Health string `json:"health"`
	// Metrics is the address of its metrics.
	Metrics string `json:"metrics"`
	// Expires is when its token does.
	Expires time.Time `json:"expires"`
}

// addonAccount is the chart's service account on hub.
func (l layout) addonAccount(hub account.Hub) account.Account {
	return account.Account{Hub: hub, Namespace: v1alpha1.SystemNamespace, Name: accountName, Dir: l.credentials()}
}

// ensureManager makes sure that the manager that was built last runs in the background and is ready. It says what it did.
func ensureManager(ctx context.Context, l layout, hub account.Hub, now time.Time) (string, error) {
	wanted, err := wantedManager(l, hub)
	if err != nil {
		return "", err
	}
	old := readManagerRecord(l)
	wanted.Expires = old.Expires
	if old.Server != wanted.Server || now.Add(renewBefore).After(old.Expires) {
		if wanted.Expires, err = l.addonAccount(hub).Write(ctx, tokenLife); err != nil {
			return "", err
		}
	}
	pid, err := l.manager().PID()
	if err != nil {
		return "", err
	}
	if pid != 0 && old.Digest == wanted.Digest && old.Server == wanted.Server {
		wanted.Health, wanted.Metrics = old.Health, old.Metrics
		return fmt.Sprintf("runs as process %d", pid), errors.Join(wanted.write(l), waitReady(ctx, l, wanted.Health))
	}
	if err := startManager(ctx, l, hub, &wanted); err != nil {
		return "", err
	}
	if pid, err = l.manager().PID(); err != nil {
		return "", err
	}
	return fmt.Sprintf("started as process %d", pid), nil
}

// wantedManager describes the manager that was built last.
func wantedManager(l layout, hub account.Hub) (managerRecord, error) {
	digest, err := fileDigest(l.addon())
	if err != nil {
		return managerRecord{}, fmt.Errorf("reading the addon's binary (`make build` makes it): %w", err)
	}
	server, err := hub.Server()
	return managerRecord{Digest: digest, Server: server}, err
}

// startManager starts the manager in the background, after the one that runs, and waits until it is ready.
func startManager(ctx context.Context, l layout, hub account.Hub, r *managerRecord) error {
	if err := l.manager().Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping the manager that runs: %w", err)
	}
	addresses, err := freeAddresses(ctx, 2)
	if err != nil {
		return err
	}
	r.Health, r.Metrics = addresses[0], addresses[1]
	// Written first, so that a run that is killed here leaves nothing that the next one does not find.
	if err := r.write(l); err != nil {
		return err
	}
	if err := l.manager().Start(l.addon(), managerArgs(l.addonAccount(hub), r.Health, r.Metrics)...); err != nil {
		return err
	}
	return waitReady(ctx, l, r.Health)
}

// managerArgs are the arguments of the manager, with the credential of a.
func managerArgs(a account.Account, health, metrics string) []string {
	return []string{
		"manager",
		"--kubeconfig=" + a.KubeconfigPath(),
		"--leader-elect",
		"--health-probe-bind-address=" + health,
		"--metrics-bind-address=" + metrics,
	}
}

// waitReady waits until the manager in the background says that it is ready. A dead one is not waited for.
func waitReady(ctx context.Context, l layout, health string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := ready(ctx, health)
		if err == nil {
			return nil
		}
		if pid, pidErr := l.manager().PID(); pidErr != nil || pid == 0 {
			return errors.Join(fmt.Errorf("the manager ended by itself%s", tail(l.manager().LogFile)), pidErr)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the manager to be ready: %w: %w%s", ctx.Err(), err, tail(l.manager().LogFile))
		case <-ticker.C:
		}
	}
}

func ready(ctx context.Context, health string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", request.URL, answer.Status)
	}
	return nil
}

// readManagerRecord returns what an earlier run noted, or nothing: without it the manager is started anew.
func readManagerRecord(l layout) managerRecord {
	var r managerRecord
	content, err := os.ReadFile(l.managerRecord())
	if err != nil || json.Unmarshal(content, &r) != nil {
		return managerRecord{}
	}
	return r
}

func (r managerRecord) write(l layout) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding what is known of the manager: %w", err)
	}
	if err := os.WriteFile(l.managerRecord(), append(content, '\n'), privateFile); err != nil {
		return fmt.Errorf("noting what is known of the manager: %w", err)
	}
	return nil
}

func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// freeAddresses returns n addresses of this machine that nobody listens on, all different.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	var addresses []string
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		// Closed only at the end, so that no port is handed out twice.
		defer func() { _ = listener.Close() }()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

// tail returns the end of a log for an error message.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return ""
	}
	text := strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
	return fmt.Sprintf("; the end of %s:\n%s", path, text)
}
