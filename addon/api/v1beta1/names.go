// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Labels that every delivered object carries. The keys are those of the
// existing OAM implementation, so that tools which select by them keep working.
const (
	// LabelAppName is the name of the application.
	LabelAppName = "app.oam.dev/name"
	// LabelAppNamespace is the hub namespace of the application.
	LabelAppNamespace = "app.oam.dev/namespace"
	// LabelAppComponent is the name of the component.
	LabelAppComponent = "app.oam.dev/component"
	// LabelReplicaKey is the key of the copy, on objects of a component that is replicated.
	LabelReplicaKey = "app.oam.dev/replicaKey"
	// LabelResourceType is WORKLOAD or TRAIT.
	LabelResourceType = "app.oam.dev/resourceType"
	// LabelWorkloadType is the type of the component.
	LabelWorkloadType = "workload.oam.dev/type"
	// LabelTraitType is the type of the trait.
	LabelTraitType = "trait.oam.dev/type"
	// LabelTraitResource is the name of the output of the trait or component.
	LabelTraitResource = "trait.oam.dev/resource"
)

// LabelPause pauses an Application when its value is LabelPauseValue: nothing of it
// is written until the label is gone. The key is that of the existing OAM implementation.
const (
	LabelPause      = "controller.core.oam.dev/pause"
	LabelPauseValue = "true"
)

// Annotations of an Application that decide how it is handled.
const (
	// AnnotationControllerRequirement names the controller that is to handle the application.
	AnnotationControllerRequirement = "app.oam.dev/controller-version-require"
	// AnnotationDisableHealthCheck switches health checks off when it is "true".
	AnnotationDisableHealthCheck = "app.oam.dev/disable-health-check"
	// AnnotationPublishVersion freezes the application until its value changes.
	AnnotationPublishVersion = "app.oam.dev/publishVersion"
)

// ControllerName is what AnnotationControllerRequirement says of an application that is ours.
const ControllerName = "fairlead"
