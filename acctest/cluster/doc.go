// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster runs real control planes on one machine, without containers: a hub and any number of managed clusters that
// have joined it through Open Cluster Management, with simulated nodes on which pods become ready.
//
// Every part is the real program, built by package acctest/tools and run as a plain process in a session of its own: one etcd
// for all, and for each control plane a kube-apiserver, a kube-controller-manager, a kube-scheduler and kwok. The hub has in
// addition OCM's registration, placement and work managers and the admission webhooks of registration and work; a managed
// cluster has the registration agent, which joins by the CSR handshake, and the work agent.
//
// Processes can be stopped, continued, killed and restarted one by one. Whatever a run leaves behind when it dies is found
// again through files that hold the id and the start time of each process, so that a reused id is never signalled.
package cluster
