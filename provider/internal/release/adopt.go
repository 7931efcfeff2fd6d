// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// ErrInUse says that the addon is installed, works, and differs from what was asked for.
var ErrInUse = errors.New("a release of the addon is in use")

// CheckFree returns an error for which errors.Is(err, ErrInUse) holds when an
// installation exists that somebody relies on. One that is as the options say,
// that was never completed or whose manager does not run is what an interrupted
// or failed run leaves behind, and is free to be installed over.
func (i *Installer) CheckFree(ctx context.Context, options Options) error {
	state, err := i.State(ctx)
	if errors.Is(err, ErrNotInstalled) {
		return nil
	}
	if err != nil {
		return err
	}
	same, err := state.is(options)
	if err != nil || same || state.Version == "" {
		return err
	}
	running, err := i.running(ctx)
	if err != nil || !running {
		return err
	}
	return fmt.Errorf("%w: namespace %q at %s holds version %s with other settings", ErrInUse, i.namespace, i.hub.Host(), state.Version)
}

// is says whether the installation is what the options ask of this version.
func (s State) is(options Options) (bool, error) {
	version, err := Version()
	if err != nil {
		return false, err
	}
	if s.Version != version || s.Image != options.Image || s.Replicas != options.Replicas {
		return false, nil
	}
	if len(s.Values) == 0 && len(options.Values) == 0 {
		return true, nil
	}
	have, errHave := json.Marshal(s.Values)
	want, errWant := json.Marshal(options.Values)
	return string(have) == string(want), errors.Join(errHave, errWant)
}

// running says whether the manager of the release is as it should be.
func (i *Installer) running(ctx context.Context) (bool, error) {
	live, err := i.hub.Get(ctx, deploymentKind, types.NamespacedName{Namespace: i.namespace, Name: addonchart.Deployment})
	if hub.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	deployment, err := typed[appsv1.Deployment](live)
	if err != nil {
		return false, err
	}
	return available(deployment), nil
}
