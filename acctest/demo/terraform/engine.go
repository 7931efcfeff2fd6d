// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package terraform runs terraform or OpenTofu on the project's examples with a provider that was built in this clone.
package terraform

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// The engines that can be asked for.
const (
	// Auto is terraform where it is on the PATH, and OpenTofu otherwise.
	Auto = "auto"
	// Terraform is the terraform on the PATH.
	Terraform = "terraform"
	// OpenTofu is the OpenTofu that package tools builds.
	OpenTofu = "opentofu"
)

// Find returns the absolute path of the program for choice: Auto, Terraform, OpenTofu, or the absolute path of one. OpenTofu is
// built when it is missing, which store.Log tells. It fails on another choice, and on Terraform without one on the PATH.
func Find(ctx context.Context, choice string, store tools.Store) (string, error) {
	if filepath.IsAbs(choice) {
		return choice, nil
	}
	switch choice {
	case Auto, Terraform:
		path, err := exec.LookPath("terraform")
		if err == nil {
			return filepath.Abs(path)
		}
		if choice == Terraform {
			return "", fmt.Errorf("looking for terraform: %w (choose %q to have it built, or %q)", err, OpenTofu, Auto)
		}
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
