// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package release installs, upgrades and removes the addon on a hub: the
// embedded chart through the Helm SDK, and around it what Helm does not do with
// the care that this needs. CRDs are written only when they are ours, a release
// that a killed run left behind is recovered, and removal goes in the order that
// lets the addon clean up first.
package release
