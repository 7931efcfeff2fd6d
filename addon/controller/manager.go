// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Options configure the manager.
type Options struct {
	// Config is the hub's API server and the addon's credential.
	Config *rest.Config
	// Logger of everything.
	Logger logr.Logger
	// LeaderElection makes one of several managers work at a time.
	LeaderElection bool
	// HealthAddress serves /healthz and /readyz; "0" for none.
	HealthAddress string
	// MetricsAddress serves /metrics; "0" for none.
	MetricsAddress string
	// MetricsSecure serves metrics by TLS and asks the API server who may read them.
	MetricsSecure bool
	// Workers is how many applications are worked on at once.
	Workers int
	// Registry takes the addon's metrics.
	Registry prometheus.Registerer
	// Runner evaluates the CUE of definitions that are not built in. It must
	// bound what an evaluation takes: CUE itself does not.
	Runner program.Runner
}

// NewManager makes a manager with all controllers. It returns an error when the
// CRDs are not installed or the hub cannot be reached.
func NewManager(ctx context.Context, options Options) (ctrl.Manager, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, fmt.Errorf("register the API types: %w", err)
	}
	config := rest.CopyConfig(options.Config)
	config.Wrap(delivery.Guard)
	config.QPS = -1 // priority and fairness protects the server; a client-side limit only delays
	kinds := local.DefaultKinds()
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Logger: options.Logger,
		Cache:                         cacheOptions(kinds),
		HealthProbeBindAddress:        options.HealthAddress,
		Metrics:                       metricsOptions(options),
		LeaderElection:                options.LeaderElection,
		LeaderElectionID:              "fairlead-addon",
		LeaderElectionNamespace:       v1alpha1.SystemNamespace,
		LeaderElectionReleaseOnCancel: true,
		// A process may start a manager again after it ended.
		Controller:    ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
		LeaseDuration: ptr.To(15 * time.Second),
		RenewDeadline: ptr.To(10 * time.Second),
		RetryPeriod:   ptr.To(3 * time.Second),
		Client:        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	if meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("the hub does not serve Fairlead's kinds: install the chart (resource fairlead_addon) first: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the hub %s: %w", config.Host, err)
	}
	if err := addProbes(manager); err != nil {
		return nil, err
	}
	return manager, setup(ctx, manager, config, options, kinds)
}

func cacheOptions(kinds []schema.GroupVersionKind) cache.Options {
	byObject := map[client.Object]cache.ByObject{
		&corev1.ServiceAccount{}: local.AccountCacheOptions(),
		&rbacv1.RoleBinding{}:    local.AccountCacheOptions(),
	}
	for _, gvk := range kinds {
		byObject[local.NewObject(gvk)] = local.CacheOptions()
	}
	return cache.Options{ByObject: byObject, DefaultTransform: cache.TransformStripManagedFields()}
}

func metricsOptions(options Options) metricsserver.Options {
	serve := metricsserver.Options{BindAddress: options.MetricsAddress, SecureServing: options.MetricsSecure}
	if options.MetricsSecure {
		serve.FilterProvider = newScrapers
	}
	return serve
}

func addProbes(manager ctrl.Manager) error {
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return manager.AddReadyzCheck("caches", func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !manager.GetCache().WaitForCacheSync(ctx) {
			return fmt.Errorf("the caches are not filled yet")
		}
		return nil
	})
}

// setup wires targets, engine and controllers.
func setup(ctx context.Context, manager ctrl.Manager, config *rest.Config, options Options, kinds []schema.GroupVersionKind) error {
	renderer := render.New(definition.Builtin())
	metrics, err := newMetrics(options.Registry, renderer.Renders)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	if err := indexFields(ctx, manager, kinds); err != nil {
		return err
	}
	works := &lateReader{}
	fleet := ocm.NewFleet(works)
	tenants, err := local.NewTenantClient(config)
	if err != nil {
		return fmt.Errorf("make the client that applies as tenants: %w", err)
	}
	time := clock.RealClock{}
	onFleet, err := newFleetMetrics(options.Registry, fleet.Clusters, time)
	if err != nil {
		return fmt.Errorf("register the metrics of clusters: %w", err)
	}
	hub, err := hubVersion(config)
	if err != nil {
		return err
	}
	world := &worldReader{reader: manager.GetCache(), fleet: fleet, hub: hub}
	onHub := &local.Target{
		Reader: manager.GetCache(), Writer: manager.GetClient(), Tenant: tenants, Mapper: manager.GetRESTMapper(), Kinds: kinds, Clock: time,
		Live:    manager.GetAPIReader(),
		Written: func(kind string) { metrics.objects.WithLabelValues(kind).Inc() },
	}
	digests := ocm.NewDigests()
	onClusters := &ocm.Target{
		Reader: works, Writer: manager.GetClient(), Live: manager.GetAPIReader(), Fleet: fleet, Digests: digests, Clock: time,
		Written: onFleet.wrote,
	}
	engine := &delivery.Engine{
		Local: onHub, OCM: onClusters, TenantsWanted: world.tenantsWanted,
		PullSecrets: &delivery.PullSecrets{Read: readSystemSecret(manager.GetAPIReader()), Clock: time},
	}
	controllers := &controllers{
		manager: manager, workers: max(options.Workers, 1), world: world, onHub: onHub, onClusters: onClusters, kinds: kinds, works: works,
		fleet: fleet, digests: digests, metrics: onFleet, config: config,
		application: &ApplicationReconciler{
			client: manager.GetClient(), live: manager.GetAPIReader(), recorder: manager.GetEventRecorder("fairlead"), clock: time, world: world,
			owners:    onClusters.Owners,
			ownership: &ownership{reader: manager.GetCache()}, renderer: renderer, engine: engine,
			definitions: newDefinitionReader(manager.GetCache(), options.Runner),
			referenced:  onHub.Referenced,
			statuses:    &statusWriter{client: manager.GetClient(), clock: time}, stalls: &stallClock{clock: time}, metrics: metrics,
		},
		environment: &EnvironmentReconciler{client: manager.GetClient(), clock: time, world: world, engine: engine, left: onClusters.LeftIn},
		left:        &leftReconciler{works: onClusters, engine: engine},
		binding: &ClusterBindingReconciler{
			client: manager.GetClient(), clock: time, world: world, engine: engine,
			placements: &ocm.Placements{Reader: works, Writer: manager.GetClient()},
		},
	}
	return controllers.start(ctx)
}

// hubVersion asks the hub for its version, which templates may look at.
func hubVersion(config *rest.Config) (render.ClusterVersion, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return render.ClusterVersion{}, fmt.Errorf("make the client that asks for the hub's version: %w", err)
	}
	info, err := client.ServerVersion()
	if err != nil {
		return render.ClusterVersion{}, fmt.Errorf("ask the hub %s for its version: %w", config.Host, err)
	}
	version, ok := render.ParseClusterVersion(info.GitVersion)
	if !ok {
		return render.DefaultClusterVersion(), nil
	}
	version.Platform = info.Platform
	return version, nil
}

func indexFields(ctx context.Context, manager ctrl.Manager, kinds []schema.GroupVersionKind) error {
	indexer := manager.GetFieldIndexer()
	err := indexer.IndexField(ctx, &v1beta1.Application{}, indexEnvironments, func(object client.Object) []string {
		app, ok := object.(*v1beta1.Application)
		if !ok {
			return nil
		}
		return mayBeIn(app)
	})
	if err != nil {
		return fmt.Errorf("index applications by environment: %w", err)
	}
	return local.IndexFields(ctx, indexer, kinds)
}
