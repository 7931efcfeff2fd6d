// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package terraform runs terraform or OpenTofu on the project's examples with a provider that was built in this clone.
package terraform

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// The engines that can be asked for.
const (
	// Auto is terraform where one that is not older than Oldest is on the PATH, and OpenTofu otherwise.
	Auto = "auto"
	// Terraform is the terraform on the PATH.
	Terraform = "terraform"
	// OpenTofu is the OpenTofu that package tools builds.
	OpenTofu = "opentofu"
)

// Oldest is the oldest Terraform that runs all that the project shows: write-only attributes came with it.
// tools/with-engine.sh has it too.
const Oldest = "1.11.0"

// Find returns the absolute path of the program for choice: Auto, Terraform, OpenTofu, or the absolute path of one. OpenTofu is
// built when it is missing, which store.Log tells. It fails on another choice, and on Terraform without one on the PATH that is
// new enough.
func Find(ctx context.Context, choice string, store tools.Store) (string, error) {
	if filepath.IsAbs(choice) {
		return choice, nil
	}
	switch choice {
	case Auto, Terraform:
		path, err := onPath(ctx)
		if err == nil {
			return path, nil
		}
		if choice == Terraform {
			return "", fmt.Errorf("looking for terraform: %w (choose %q to have it built, or %q)", err, OpenTofu, Auto)
		}
		fmt.Fprintf(store.Log, "looking for terraform: %v; OpenTofu takes its place\n", err)
	case OpenTofu:
	default:
		return "", fmt.Errorf("unknown engine %q: known are %q, %q, %q and the absolute path of one", choice, Auto, Terraform, OpenTofu)
	}
	build, err := store.Ensure(ctx, tools.OpenTofu)
	if err != nil {
		return "", err
	}
	return build.Binary("tofu"), nil
}

// onPath returns the absolute path of the terraform on the PATH, and an error when there is none or when it is older than Oldest.
func onPath(ctx context.Context) (string, error) {
	path, err := exec.LookPath("terraform")
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "version", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	var told struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &told); err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	found, err := version.ParseSemantic(told.Version)
	if err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	if found.LessThan(version.MustParseSemantic(Oldest)) {
		return "", fmt.Errorf("%s is version %s, and %s is needed", path, told.Version, Oldest)
	}
	return path, nil
}
