// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// history is how many revisions of the release are kept.
const history = 5

// Install installs the addon or changes an installation to what the options
// say. Doing it again after it was interrupted anywhere completes it.
func (i *Installer) Install(ctx context.Context, options Options) (State, error) {
	if err := Validate(options.Values); err != nil {
		return State{}, failed("Values do not fit the chart", "%s.", err)
	}
	if err := i.ensureNamespace(ctx); err != nil {
		return State{}, err
	}
	mode, err := i.ensureCRDs(ctx, options.ApplyCRDs)
	if err != nil {
		return State{}, err
	}
	if err := i.write(ctx, options.chartValues(mode)); err != nil {
		return State{}, err
	}
	if options.Wait && options.Replicas > 0 {
		if err := i.waitAvailable(ctx); err != nil {
			return State{}, err
		}
	}
	return i.State(ctx)
}

// write writes the objects of the chart.
func (i *Installer) write(ctx context.Context, values map[string]any) error {
	loaded, err := load()
	if err != nil {
		return err
	}
	cfg, err := i.configuration(ctx)
	if err != nil {
		return err
	}
	last, err := i.recovered(ctx, cfg)
	if err != nil {
		return err
	}
	if last == nil || last.Info.Status == release.StatusUninstalled {
		err = i.create(cfg, loaded, values)
	} else {
		err = i.upgrade(cfg, loaded, values)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &hub.Error{Reason: hub.Canceled, Summary: "Interrupted", Detail: "Interrupted while installing the addon. Apply again to complete it."}
	}
	return i.explain(err)
}

// create makes the first revision.
func (i *Installer) create(cfg *action.Configuration, loaded *chart.Chart, values map[string]any) error {
	install := action.NewInstall(cfg)
	install.ReleaseName = Name
	install.Namespace = i.namespace
	install.SkipCRDs = true
	// A release that was uninstalled with its history kept gives the name back.
	install.Replace = true
	// The server validates; the client would have to download its whole schema.
	install.DisableOpenAPIValidation = true
	_, err := install.Run(loaded, values)
	return err
}

// upgrade makes a further revision with these values and no earlier ones.
func (i *Installer) upgrade(cfg *action.Configuration, loaded *chart.Chart, values map[string]any) error {
	upgrade := action.NewUpgrade(cfg)
	upgrade.Namespace = i.namespace
	upgrade.SkipCRDs = true
	upgrade.ResetValues = true
	upgrade.MaxHistory = history
	upgrade.DisableOpenAPIValidation = true
	_, err := upgrade.Run(Name, loaded, values)
	return err
}

// recovered returns the last revision, nil when there is none. One that a killed
// run left pending is recorded as failed first, because Helm refuses to go on
// from it.
func (i *Installer) recovered(ctx context.Context, cfg *action.Configuration) (*release.Release, error) {
	last, err := i.last(cfg)
	if err != nil || last == nil || !unfinished(last) {
		return last, err
	}
	settled, err := i.waitSettled(ctx, cfg, last)
	if err != nil || settled == nil || !unfinished(settled) {
		return settled, err
	}
	tflog.Warn(ctx, "recovering a release that an interrupted run left behind",
		map[string]any{"revision": settled.Version, "status": string(settled.Info.Status)})
	settled.SetStatus(release.StatusFailed, "left behind by an interrupted run")
	if err := cfg.Releases.Update(settled); err != nil {
		return nil, i.unreadable(err)
	}
	return settled, nil
}

// last returns the last revision, nil when there is none.
func (i *Installer) last(cfg *action.Configuration) (*release.Release, error) {
	last, err := cfg.Releases.Last(Name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, i.unreadable(err)
	}
	return last, nil
}

// unfinished says whether an action on the release is under way, or was.
func unfinished(r *release.Release) bool {
	return r.Info.Status.IsPending() || r.Info.Status == release.StatusUninstalling
}

// waitSettled watches an unfinished release for as long as a run that is alive
// could leave it as it is, by the clock of this machine alone.
func (i *Installer) waitSettled(ctx context.Context, cfg *action.Configuration, seen *release.Release) (*release.Release, error) {
	patient, cancel := context.WithTimeout(ctx, i.patience.Pending)
	defer cancel()
	for pause(patient, i.patience.Poll) {
		now, err := i.last(cfg)
		if err != nil || now == nil || !unfinished(now) {
			return now, err
		}
		if now.Version != seen.Version || now.Info.Status != seen.Info.Status {
			return i.waitSettled(ctx, cfg, now)
		}
	}
	return seen, ctx.Err()
}

// explain turns an error of the Helm SDK into one that says what to do.
func (i *Installer) explain(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "invalid ownership metadata"):
		return failed("The hub has objects of the same names", "%s.\n"+
			"A hub holds one addon. If it is installed in another namespace or by another tool, remove it there, "+
			"or import it: terraform import fairlead_addon.<name> <namespace>.", text)
	case strings.Contains(text, "not currently held"), reasonOf(err) == hub.Forbidden:
		return &hub.Error{Reason: hub.Forbidden, Summary: "The credential may not install the addon", Detail: fmt.Sprintf("%s.\n"+
			"Installing the addon creates cluster roles and admission policies at %s: the credential needs cluster-admin, or every right that these roles contain.", text, i.hub.Host())}
	case strings.Contains(text, "chart requires kubeVersion"):
		return failed("The hub's Kubernetes is too old", "%s. The addon needs 1.30 or later, for ValidatingAdmissionPolicies.", text)
	}
	return failed("The addon could not be installed", "Installing release %q in the namespace %q at %s: %s.\n"+
		"What was written so far stays; apply again to complete it.", Name, i.namespace, i.hub.Host(), text)
}

// pause waits for the duration and says whether ctx is still alive.
func pause(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
