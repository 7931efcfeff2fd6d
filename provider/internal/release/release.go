// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// Name of the release.
const Name = "fairlead"

// ErrNotInstalled says that the namespace holds no release of the addon.
var ErrNotInstalled = errors.New("the addon is not installed")

// Mode says how the addon shares the hub with other OAM controllers.
type Mode string

const (
	// Exclusive says that the CRDs of core.oam.dev are ours, and with them every Application.
	Exclusive Mode = "exclusive"
	// Shared says that they are somebody else's, so that only annotated Applications are ours.
	Shared Mode = "shared"
)

// Options of an installation.
type Options struct {
	// Image is the reference of the addon's image; that of the chart when empty.
	Image string
	// Replicas of the manager; with 0 none runs.
	Replicas int64
	// Values of the chart, apart from those that have a field here.
	Values map[string]any
	// ApplyCRDs writes the CRDs that are ours. Without it they must exist.
	ApplyCRDs bool
	// Wait until the manager is available.
	Wait bool
}

// State of an installation.
type State struct {
	// Version of the chart that was installed last; empty when no installation was completed.
	Version string
	// Mode that the CRDs on the hub imply.
	Mode Mode
	// Image, Replicas and Values that it was installed with.
	Image    string
	Replicas int64
	Values   map[string]any
}

// Patience says how long signs are watched before they are believed.
type Patience struct {
	// Pending is how long a release must stay pending before it counts as left behind by a killed run.
	Pending time.Duration
	// Refusal is how long objects that keep the addon alive may take to be marked for
	// deletion: an engine deletes them in the same run as the addon.
	Refusal time.Duration
	// Leader is how long the manager's Lease must stay as it is before nobody counts as its holder.
	Leader time.Duration
	// Poll is the interval between two looks.
	Poll time.Duration
}

// DefaultPatience suits a hub that answers within a second.
func DefaultPatience() Patience {
	return Patience{Pending: 15 * time.Second, Refusal: 20 * time.Second, Leader: 30 * time.Second, Poll: time.Second}
}

// Installer manages the release in one namespace of one hub.
type Installer struct {
	hub       *hub.Client
	meta      metadata.Interface
	namespace string
	patience  Patience
}

// New returns an Installer. It sends no request.
func New(client *hub.Client, namespace string, patience Patience) (*Installer, error) {
	meta, err := metadata.NewForConfig(client.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the metadata client of the hub: %w", err)
	}
	return &Installer{hub: client, meta: meta, namespace: namespace, patience: patience}, nil
}

// State reads the installation. The error is ErrNotInstalled when there is none,
// a *hub.Error when the hub could not be asked.
func (i *Installer) State(ctx context.Context) (State, error) {
	if err := i.reach(ctx); err != nil {
		return State{}, err
	}
	cfg, err := i.configuration(ctx)
	if err != nil {
		return State{}, err
	}
	last, err := cfg.Releases.Last(Name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return State{}, ErrNotInstalled
	}
	if err != nil {
		return State{}, i.unreadable(err)
	}
	state := State{}
	deployed, err := cfg.Releases.Deployed(Name)
	switch {
	case err == nil:
		last = deployed
		state.Version = deployed.Chart.Metadata.Version
	case !errors.Is(err, driver.ErrNoDeployedReleases):
		return State{}, i.unreadable(err)
	}
	state.readValues(last.Config)
	state.Mode, err = i.mode(ctx)
	return state, err
}

// reach asks the hub for the namespace, so that a hub that is away or refuses
// the credential is explained before a library is asked to work with it.
func (i *Installer) reach(ctx context.Context) error {
	_, err := i.hub.Get(ctx, namespaceKind, types.NamespacedName{Name: i.namespace})
	if hub.IsNotFound(err) {
		return nil
	}
	return err
}

// unreadable explains that the record of the release could not be read.
func (i *Installer) unreadable(err error) error {
	return i.hub.Failure(reasonOf(err), "Cannot read the record of the release", fmt.Sprintf(
		"Helm keeps the record of release %q in Secrets of the namespace %q at %s, and they could not be read: %s. "+
			"The credential needs get, list, create, update and delete of Secrets there.", Name, i.namespace, i.hub.Host(), err))
}

// failed is an error of an installation or removal, with what to do about it.
func failed(summary, format string, args ...any) error {
	return &hub.Error{Reason: hub.Failed, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}
