// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package rollout waits until a revision of an application is healthy in all its
// places, gives up as soon as waiting cannot help, and says why: for people who
// cannot look into the clusters themselves.
package rollout
