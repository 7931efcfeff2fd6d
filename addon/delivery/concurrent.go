// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"fmt"
	"sync"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// atOnce is on how many clusters one application is worked at the same time: a
// write waits for the hub and its webhooks most of the time.
const atOnce = 16

// perCluster calls do with the index of each item, of which clusters holds the
// names. Items of one cluster come one after the other, in order, since the later
// may rely on the earlier; clusters wait for no other.
//
// It returns what do returned, by index.
func perCluster(ctx context.Context, clusters []string, do func(i int) error) []error {
	errs := make([]error, len(clusters))
	groups := grouped(clusters)
	if len(groups) == 1 {
		oneByOne(ctx, groups[0], errs, do)
		return errs
	}
	var workers sync.WaitGroup
	queue := make(chan []int)
	for range min(atOnce, len(groups)) {
		workers.Go(func() {
			for group := range queue {
				oneByOne(ctx, group, errs, do)
			}
		})
	}
	for _, group := range groups {
		queue <- group
	}
	close(queue)
	workers.Wait()
	return errs
}

// grouped are the indexes of each name, in the order in which names come first.
func grouped(names []string) [][]int {
	var groups [][]int
	at := map[string]int{}
	for i, name := range names {
		group, known := at[name]
		if !known {
			group = len(groups)
			at[name] = group
			groups = append(groups, nil)
		}
		groups[group] = append(groups[group], i)
	}
	return groups
}

func oneByOne(ctx context.Context, indexes []int, errs []error, do func(i int) error) {
	for _, i := range indexes {
		errs[i] = guarded(ctx, func() error { return do(i) })
	}
}

// guarded makes an error of a panic: nobody else would catch it on a goroutine
// of ours, and one application must not end the process for all.
func guarded(ctx context.Context, do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			for _, handle := range utilruntime.PanicHandlers {
				handle(ctx, cause)
			}
			err = fmt.Errorf("panic: %v [recovered]", cause)
		}
	}()
	return do()
}
