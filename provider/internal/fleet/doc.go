// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package fleet reads what Open Cluster Management knows on the hub: managed
// clusters, the sets that they are in, and which of them a placement chose.
package fleet
