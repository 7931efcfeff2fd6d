// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Held explains what holds an Application that is being deleted and does not go:
// its finalizers, what the addon says of it, and where something of it is left.
// early says that waiting ended before its limit.
func Held(object *unstructured.Unstructured, early bool) string {
	var lines []string
	for _, finalizer := range object.GetFinalizers() {
		lines = append(lines, fmt.Sprintf("  finalizer %s: %s", finalizer, finalizerRemover(finalizer)))
	}
	app := &v1beta1.Application{}
	// A status that cannot be read has nothing to add.
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, app) == nil {
		lines = append(lines, sayingLines(app)...)
		lines = append(lines, placeLines(app)...)
		lines = append(lines, helpLines(app)...)
	}
	again := "Then run it again, if need be with a longer timeouts.delete."
	if early {
		again = "Stopped waiting before timeouts.delete is over: nobody removes what holds it. The deletion goes on; run it again when that is mended."
	}
	return strings.Join(append(lines, "",
		"  Check that the addon runs: kubectl -n "+v1alpha1.SystemNamespace+" get pods.",
		fmt.Sprintf("  See also: kubectl -n %s get applications.core.oam.dev %s -o yaml.", object.GetNamespace(), object.GetName()),
		"  "+again), "\n")
}

// finalizerRemover says who removes a finalizer.
func finalizerRemover(finalizer string) string {
	if finalizer == v1alpha1.Finalizer {
		return "the addon removes it when nothing of the application is left on any cluster"
	}
	return "another controller removes it"
}

// sayingLines are the conditions that are true or say why they are not.
func sayingLines(app *v1beta1.Application) []string {
	var lines []string
	for _, condition := range app.Status.Conditions {
		if condition.Message == "" || (condition.Type != conditionReady && condition.Status != metav1.ConditionTrue) {
			continue
		}
		lines = append(lines, messageLines(condition.Type+" ("+condition.Reason+")", withoutPlaces(condition.Message, app))...)
	}
	return lines
}

// heldBy is what a place says of an object that finalizers hold.
var heldBy = regexp.MustCompile(`^being removed: ([\w.]+) (\S+)/(\S+): .*\b` + v1alpha1.HeldByFinalizer + `(.+)$`)

// heldObject reads which object finalizers hold, as arguments of kubectl, and
// which those are.
func heldObject(message string) (object, finalizers string, ok bool) {
	found := heldBy.FindStringSubmatch(clean(message))
	if found == nil {
		return "", "", false
	}
	return fmt.Sprintf("-n %s %%s %s %s", found[2], strings.ToLower(found[1]), found[3]), found[4], true
}

// helpLines are the commands that help with what is left.
func helpLines(app *v1beta1.Application) []string {
	var lines []string
	for _, service := range app.Status.Services {
		kubectl := "kubectl "
		if service.Cluster != "" && service.Cluster != v1alpha1.LocalCluster {
			kubectl += "--context " + service.Cluster + " "
		}
		object, finalizers, held := heldObject(service.Message)
		switch {
		case len(lines) > maxHelp || strings.HasPrefix(service.Message, "cluster is away"):
		case held:
			lines = append(lines, "",
				"  "+OwnersOf(finalizers),
				"  See its state: "+kubectl+fmt.Sprintf(object, "describe"),
				"  Only if that controller is gone for good: "+kubectl+fmt.Sprintf(object, "patch")+` --type=merge -p '{"metadata":{"finalizers":null}}'`)
		case kubectl != "kubectl ":
			lines = append(lines, "", "  See what holds it on cluster "+service.Cluster+", whose agent does not report that:",
				fmt.Sprintf("  %s-n %s get all,cm,secret,pvc,ing -l app.oam.dev/name=%s -o custom-columns=KIND:.kind,NAME:.metadata.name,DELETED:.metadata.deletionTimestamp,FINALIZERS:.metadata.finalizers",
					kubectl, service.Namespace, app.Name))
		}
	}
	return lines
}

// maxHelp is after how many lines no more commands are shown.
const maxHelp = 12

// OwnersOf says who removes finalizers: the part before the slash names whose
// controller that is.
func OwnersOf(finalizers string) string {
	first, _, _ := strings.Cut(finalizers, ", ")
	owner, _, found := strings.Cut(first, "/")
	if !found {
		return fmt.Sprintf("Finalizer %s is removed by the controller that set it: check that it runs.", first)
	}
	return fmt.Sprintf("Finalizer %s is removed by the controller of %s that set it: check that it runs.", first, owner)
}
