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
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// removalTimeout bounds the removal of the chart's own objects when ctx has no end.
const removalTimeout = 5 * time.Minute

// reportInterval is how often a wait says what it waits for.
const reportInterval = 10 * time.Second

// Uninstall removes the addon. It refuses while applications, environments or
// bindings exist that nobody is deleting, waits for those that are going while
// the addon still runs, then removes the chart's own environment, the addon, the
// CRDs that are ours (with removeCRDs) and at last the namespace if the
// installation made it. Nothing that is somebody's is removed: what is kept is
// returned, each with the reason. Doing it again completes what was interrupted.
func (i *Installer) Uninstall(ctx context.Context, removeCRDs bool) ([]string, error) {
	if err := i.reach(ctx); err != nil {
		return nil, err
	}
	if err := i.drain(ctx); err != nil {
		return nil, err
	}
	if err := i.removeRelease(ctx); err != nil {
		return nil, err
	}
	var kept []string
	if removeCRDs {
		left, err := i.removeCRDs(ctx)
		if err != nil {
			return left, err
		}
		kept = left
	}
	reason, err := i.removeNamespace(ctx)
	if reason != "" {
		kept = append(kept, reason)
	}
	return kept, err
}

// drain waits until nothing needs the addon any more. Once only the chart's own
// environment and binding are left it deletes those.
func (i *Installer) drain(ctx context.Context) error {
	watch := drainWatch{patience: i.patience}
	for {
		found, err := i.findHolders(ctx)
		if err != nil {
			return err
		}
		if len(found.kept)+len(found.going)+len(found.shipped) == 0 {
			return nil
		}
		if err := i.drainStep(ctx, &watch, found); err != nil {
			return err
		}
		watch.report(ctx, found)
		if !pause(ctx, i.patience.Poll) {
			return undrained(ctx, found)
		}
		watch.waited += i.patience.Poll
	}
}

// drainStep does what is due after one look.
func (i *Installer) drainStep(ctx context.Context, watch *drainWatch, found holders) error {
	if watch.refuse(found) {
		return refusal(found.kept)
	}
	if len(found.kept) > 0 {
		return nil
	}
	if len(found.going) == 0 {
		return i.deleteShipped(ctx, found.shipped)
	}
	renewed, err := i.renewed(ctx)
	if err != nil {
		return err
	}
	watch.leader.observe(renewed, i.patience.Poll)
	if !watch.leader.absent(i.patience.Leader) {
		return nil
	}
	return i.drainAlone(ctx, found)
}

// drainAlone goes on where no manager is running.
func (i *Installer) drainAlone(ctx context.Context, found holders) error {
	if found.applications == 0 {
		return i.release(ctx, found.going)
	}
	wanted, err := i.wantedReplicas(ctx)
	if err != nil || wanted > 0 {
		return err
	}
	return failed("The addon is not running", "These objects are being deleted and wait for the addon, which would remove what they delivered:\n%s\n"+
		"No manager renews the Lease %s/%s. Start one (replicas = 1, or fairlead-addon manager), then apply again.",
		describe(found.going), i.namespace, addonchart.Lease)
}

// drainWatch remembers what happened between looks.
type drainWatch struct {
	patience Patience
	leader   leaderWatch
	waited   time.Duration
	quiet    time.Duration
	fewest   int
}

// refuse says whether objects that nobody deletes have stood in the way for too
// long. Any progress starts the time anew, since an engine deletes many objects
// at its own pace.
func (w *drainWatch) refuse(found holders) bool {
	kept := len(found.kept)
	if w.fewest == 0 || kept < w.fewest {
		w.fewest = kept
		w.quiet = 0
		return false
	}
	w.quiet += w.patience.Poll
	return kept > 0 && w.quiet >= w.patience.Refusal
}

// report logs what is waited for.
func (w *drainWatch) report(ctx context.Context, found holders) {
	if w.waited%reportInterval != 0 {
		return
	}
	tflog.Info(ctx, "waiting until nothing needs the addon", map[string]any{
		"waited": w.waited.String(), "not_deleted": describe(found.kept), "going": describe(found.going)})
}

// refusal is the error that names what still needs the addon.
func refusal(kept []holder) error {
	return failed("The addon is still needed", "Nothing would deliver or clean up these objects any more:\n%s\n"+
		"Destroy them first. In Terraform let the resources that make them depend on the addon (depends_on = [fairlead_addon.<name>]), so that they go before it.",
		describe(kept))
}

// undrained is the error of a wait that ctx ended.
func undrained(ctx context.Context, found holders) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &hub.Error{Reason: hub.Canceled, Summary: "Interrupted", Detail: "Interrupted while waiting until nothing needs the addon. Nothing of it was removed."}
	}
	return failed("Still waiting for what needs the addon", "These objects are not gone yet:\n%s\n"+
		"Look at their conditions for what holds them. The addon was not removed; apply again to go on, with a longer timeouts.delete if it only takes time.",
		describe(append(found.kept, found.going...)))
}

// deleteShipped deletes the chart's own environment and binding.
func (i *Installer) deleteShipped(ctx context.Context, shipped []holder) error {
	for _, h := range shipped {
		gvk := v1alpha1.GroupVersion.WithKind(h.kind)
		if err := i.hub.Delete(ctx, gvk, types.NamespacedName{Name: h.Name}, h.UID); err != nil {
			return err
		}
	}
	return nil
}

// wantedReplicas returns how many managers the release asks for.
func (i *Installer) wantedReplicas(ctx context.Context) (int32, error) {
	live, err := i.hub.Get(ctx, deploymentKind, types.NamespacedName{Namespace: i.namespace, Name: addonchart.Deployment})
	if hub.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	deployment, err := typed[appsv1.Deployment](live)
	if err != nil {
		return 0, err
	}
	return replicas(deployment), nil
}

// removeRelease removes the objects of the chart and the record of the release.
func (i *Installer) removeRelease(ctx context.Context) error {
	cfg, err := i.configuration(ctx)
	if err != nil {
		return err
	}
	last, err := i.last(cfg)
	if err != nil || last == nil {
		return err
	}
	if err := i.ensureKinds(ctx); err != nil {
		return err
	}
	// Helm tells the reason of a failed removal to its log alone.
	var told []string
	cfg.Log = func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		tflog.Trace(ctx, line)
		if strings.Contains(line, "Failed") || strings.Contains(line, "error") {
			told = append(told, line)
		}
	}
	uninstall := action.NewUninstall(cfg)
	uninstall.Wait = true
	uninstall.Timeout = remaining(ctx)
	uninstall.DeletionPropagation = "foreground"
	if _, err := uninstall.Run(Name); err != nil {
		return i.notRemoved(ctx, err, told)
	}
	return nil
}

// ensureKinds brings back CRDs that somebody removed by hand: Helm cannot decide
// that an object is gone while its kind is unknown.
func (i *Installer) ensureKinds(ctx context.Context) error {
	live, err := i.getCRD(ctx, environmentsCRD)
	if err != nil || live != nil {
		return err
	}
	_, err = i.ensureCRDs(ctx, true)
	return err
}

// notRemoved explains why the objects of the chart could not be removed.
func (i *Installer) notRemoved(ctx context.Context, err error, told []string) error {
	if ctx.Err() != nil {
		return &hub.Error{Reason: hub.Canceled, Summary: "Interrupted", Detail: "Interrupted while removing the addon. Apply again to complete it."}
	}
	detail := err.Error()
	if len(told) > 0 {
		detail += ": " + enumerate(told)
	}
	return failed("The addon could not be removed", "Removing release %q from the namespace %q at %s: %s.", Name, i.namespace, i.hub.Host(), detail)
}

// remaining returns how long ctx lasts.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return removalTimeout
	}
	return time.Until(deadline)
}
