// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

const (
	// HubName is the name of the hub's control plane, and the first part of the names of its processes.
	HubName = "hub"

	// defaultStatusSyncInterval is how often the work agent polls feedback here; OCM's own default of 10 s makes tests slow.
	defaultStatusSyncInterval = 2 * time.Second
	// maxClusters is what the address ranges handed to control planes have room for.
	maxClusters = 60
)

// clusterName is what OCM admits as the name of a managed cluster, which is also a namespace on the hub.
var clusterName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Options say what Start starts. The zero value is a hub without OCM in a temporary folder.
type Options struct {
	// Dir is the folder for certificates, kubeconfigs, logs and process files. Empty means a new temporary folder, which Close
	// removes.
	Dir string
	// Clusters are the names of the managed clusters.
	Clusters []string
	// OCM starts the hub's parts of Open Cluster Management. Clusters imply it.
	OCM bool
	// LeaseDuration is the lease of every ManagedCluster; OCM calls a cluster unreachable after five of them. It is rounded to
	// full seconds. Zero leaves OCM's default of one minute.
	LeaseDuration time.Duration
	// StatusSyncInterval is how often work agents poll feedback. Zero means 2 s.
	StatusSyncInterval time.Duration
	// AuditLog makes the hub's API server log every request at Metadata level to ControlPlane.AuditLogPath.
	AuditLog bool
	// Fsync makes etcd wait for the disk, for figures that are published. Without it a crash of the machine loses data.
	Fsync bool
	// Detached lets the processes outlive the one that calls Start, until StopDir.
	Detached bool
	// KeepDir makes Close leave Dir in place, with the logs. A Dir that existed before Start is always left.
	KeepDir bool
	// Log receives progress lines for a person. Nil discards them.
	Log io.Writer
}

// complete checks o and fills in defaults.
func (o Options) complete() (Options, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.StatusSyncInterval == 0 {
		o.StatusSyncInterval = defaultStatusSyncInterval
	}
	o.OCM = o.OCM || len(o.Clusters) > 0
	return o, errors.Join(validateClusters(o.Clusters), validateDurations(o))
}

func validateDurations(o Options) error {
	if o.LeaseDuration < 0 || (o.LeaseDuration > 0 && o.LeaseDuration < time.Second) {
		return fmt.Errorf("LeaseDuration %s: must be 0 (OCM's default) or at least 1s", o.LeaseDuration)
	}
	if o.StatusSyncInterval < 0 {
		return fmt.Errorf("StatusSyncInterval %s: must not be negative", o.StatusSyncInterval)
	}
	return nil
}

func validateClusters(names []string) error {
	if len(names) > maxClusters {
		return fmt.Errorf("%d clusters: at most %d are possible", len(names), maxClusters)
	}
	seen := map[string]bool{HubName: true, etcdName: true}
	for _, name := range names {
		if !clusterName.MatchString(name) {
			return fmt.Errorf("cluster name %q: must be a DNS label of at most 63 lower-case letters, digits and dashes", name)
		}
		if seen[name] {
			return fmt.Errorf("cluster name %q: is taken; names must differ from each other and from %q and %q", name, HubName, etcdName)
		}
		seen[name] = true
	}
	return nil
}
