// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery decides what of an application goes where, writes what
// differs through a Target, and removes what is provably ours and no longer
// wanted. It knows nothing of how a target stores objects.
package delivery

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Owner is the application that something was delivered for.
type Owner struct {
	// Namespace of the Application on the hub.
	Namespace string
	// Name of the Application.
	Name string
	// UID of the Application; it proves ownership of what was delivered.
	UID types.UID
}

func (o Owner) String() string { return o.Namespace + "/" + o.Name }

// Place is where a component is delivered.
type Place struct {
	// Environment that the place belongs to.
	Environment string
	// Cluster is the name of a ManagedCluster, or "local" for the hub.
	Cluster string
	// Namespace on that cluster.
	Namespace string
}

func (p Place) String() string {
	return fmt.Sprintf("environment %s, cluster %s", p.Environment, p.Cluster)
}

// Tenant is the key of the tenant that has the place, which other environments may share.
func (p Place) Tenant() TenantKey { return TenantKey{Cluster: p.Cluster, Namespace: p.Namespace} }

// Unit is what is delivered and removed as a unit: one component in one place.
type Unit struct {
	Owner     Owner
	Component string
	Place     Place
	// Result holds the rendered objects. It is shared and must not be changed.
	Result *render.Result
	// Layers that were merged into the component, the later ones over the earlier ones.
	Layers []Layer
	// Treatments of the objects of Result, in their order; see Treatment.
	Treatments []policy.Treatment
	// Needs are the components that the unit's depends on, where a policy asks for
	// removal in that order: its objects note them, so that it is known when the
	// application has the component no longer.
	Needs []string
	// Contested are the objects of Result, by their ObjectIDs, that another unit of
	// the plan makes in the same place. Every other one that another component of the
	// application has there is on its way to this unit.
	Contested map[string]bool
	// StallAfter is how long the unit may stay as it is while it is not healthy; 0 when no binding says it.
	StallAfter time.Duration
}

// TenantKey identifies a tenant: a target namespace on a cluster.
type TenantKey struct {
	Cluster   string
	Namespace string
}

// Tenant is what must exist in a target namespace before anything is delivered there.
type Tenant struct {
	TenantKey
	// SourceNamespace is the hub namespace that delivers to the target namespace.
	SourceNamespace string
	// Create says that the namespace is made when it does not exist.
	Create bool
	// Adopt takes over a namespace that exists and is not ours.
	Adopt bool
	// Labels and Annotations of the namespace.
	Labels      map[string]string
	Annotations map[string]string
	// PullSecrets are names of Secrets in the system namespace that are copied here.
	PullSecrets []string
	// Objects of the namespace, with their labels; the copies of the Secrets among
	// them when the tenant is made.
	Objects []map[string]any
	// Held is what environments want of which it is not known now whether they deliver
	// here: what of it is there stays, and nothing of it is made.
	Held TenantHeld
	// Version changes with the environments.
	Version string
	// Role is the ClusterRole that the deployer account is bound to.
	Role string
}

// State is how far a delivery has come.
type State int

// The states of a delivery, from the one that needs most attention.
const (
	// Refused means that the delivery cannot go on without a change by somebody.
	Refused State = iota
	// Away means that the cluster does not report; nothing is known of what it runs.
	Away
	// Waiting means that something else must happen first.
	Waiting
	// Applying means written and not confirmed yet.
	Applying
	// Delivered means that the place confirmed exactly the wanted content.
	Delivered
)

// Observation is what a target says of a unit or tenant.
type Observation struct {
	State State
	// Reason is a CamelCase word for conditions, set when State is Refused or Away.
	Reason string
	// Message says in a line what is going on; bounded, without secrets.
	Message string
	// Output is the observed workload, Outputs are the other observed objects by resource name.
	Output  map[string]any
	Outputs map[string]map[string]any
	// Left says that something stays behind on a cluster that is away, where the
	// target looks after it on its own account; Message names it.
	Left bool
	// Unproven says that the word of its cluster is all that tells of it: it is removed,
	// and nobody is held up by it.
	Unproven bool
	// Later says that some of the unit's objects were not delivered, since their turn has not come.
	Later bool
	// Feedback says that the objects are known by the feedback of an agent alone.
	Feedback bool
	// Reported is when the cluster last reported on it, by the hub's clock; zero when
	// it never did, and where the target sees for itself.
	Reported time.Time
	// RetryAfter asks for another look, when no event can be expected; 0 means none.
	RetryAfter time.Duration
}

// Record is one thing that a target keeps for an application.
type Record struct {
	Owner     Owner
	Component string
	Place     Place
	// ID names the thing within its target.
	ID string
	// Object is the ObjectID of the one object that the record stands for; empty
	// when it stands for its whole unit.
	Object string
}

// RemoveOptions say how something is removed.
type RemoveOptions struct {
	// Leave lets the objects go instead of deleting them: they stay where they are.
	Leave bool
	// Final means that the application goes, or its environment: what a policy keeps
	// as long as the application is there goes too.
	Final bool
	// Abandon leaves the objects on a cluster that is away, instead of waiting for it.
	Abandon bool
	// Patience is how long a cluster that is away is waited for; 0 means for ever.
	Patience time.Duration
}

// ObjectID identifies an object on a cluster for people, such as "Deployment.apps shop/web".
func ObjectID(kind schema.GroupKind, namespace, name string) string {
	return kind.String() + " " + namespace + "/" + name
}

// Target is a kind of place that objects can be delivered to.
type Target interface {
	// EnsureTenant makes the tenant's namespace, account and rights. It is
	// Delivered when units may be written.
	EnsureTenant(ctx context.Context, tenant Tenant) (Observation, error)
	// Deliver writes the unit where it differs from what is there, and observes it.
	Deliver(ctx context.Context, unit Unit) (Observation, error)
	// Standing says which objects of the unit, by their ObjectIDs, are kept for it already.
	Standing(ctx context.Context, unit Unit) (map[string]bool, error)
	// Records lists what is kept for the owner.
	Records(ctx context.Context, owner Owner) ([]Record, error)
	// Needs lists the components that what a record stands for depended on when it
	// was written, where that was noted.
	Needs(ctx context.Context, record Record) ([]string, error)
	// Places lists where something is kept for an environment.
	Places(ctx context.Context, environment string) ([]Place, error)
	// Remove removes what a record stands for. Delivered means that it is gone, or
	// that it stays as its policy has it.
	Remove(ctx context.Context, record Record, options RemoveOptions) (Observation, error)
	// IdleTenants lists the tenants that a hub namespace has here and in which
	// nothing is delivered.
	IdleTenants(ctx context.Context, sourceNamespace string) ([]TenantKey, error)
	// ReleaseTenant removes an idle tenant; its namespace stays, since it may hold
	// data. Delivered means that it is gone.
	ReleaseTenant(ctx context.Context, tenant TenantKey) (Observation, error)
}
