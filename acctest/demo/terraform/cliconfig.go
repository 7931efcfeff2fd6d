// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ConfigEnv names the environment variable by which both engines find the configuration that WriteCLIConfig writes.
const ConfigEnv = "TF_CLI_CONFIG_FILE"

const (
	providerBinary = "terraform-provider-fairlead"
	// mirrorVersion is what `init` takes the provider of this clone for. Nothing else reads it.
	mirrorVersion = "0.1.0"
)

// addresses are those that Terraform and OpenTofu complete fairlead-io/fairlead to.
func addresses() []string {
	return []string{"registry.terraform.io/fairlead-io/fairlead", "registry.opentofu.org/fairlead-io/fairlead"}
}

// WriteCLIConfig writes an engine's configuration to path that takes the provider from the folder bin: plan and apply run what
// was built last, and need no `init`. Engines look for the provider in a registry all the same when a person runs `init`, so a
// mirror is made beside path.
func WriteCLIConfig(path, bin string) error {
	mirror := filepath.Join(filepath.Dir(path), "mirror")
	if err := writeMirror(mirror, filepath.Join(bin, providerBinary)); err != nil {
		return fmt.Errorf("making a mirror of the provider: %w", err)
	}
	all := addresses()
	config := fmt.Sprintf(`# Takes the provider from this clone, whatever version a configuration asks for.
provider_installation {
  dev_overrides {
    %[1]q = %[3]q
    %[2]q = %[3]q
  }
  filesystem_mirror {
    path    = %[4]q
    include = [%[1]q, %[2]q]
  }
  direct {
    exclude = [%[1]q, %[2]q]
  }
}
`, all[0], all[1], bin, mirror)
	if err := os.WriteFile(path, []byte(config), privateFile); err != nil {
		return fmt.Errorf("writing the engine's configuration: %w", err)
	}
	return nil
}

// writeMirror links the provider's binary into dir where engines look for it.
func writeMirror(dir, binary string) error {
	for _, address := range addresses() {
		target := filepath.Join(dir, filepath.FromSlash(address), mirrorVersion, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(target, privateDir); err != nil {
			return err
		}
		link := filepath.Join(target, providerBinary+"_v"+mirrorVersion)
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(binary, link); err != nil {
			return err
		}
	}
	return nil
}
