// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package hub is the provider's client of the hub's Kubernetes API. It resolves
// which hub is meant and as whom, writes by server-side apply, reads, watches
// and deletes objects of any kind, and explains failures in terms of what the
// user can do about them. It knows nothing of Terraform's types.
package hub
