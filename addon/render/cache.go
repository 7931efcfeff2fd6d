// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"container/list"
	"sync"
	"unsafe"
	"weak"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/compact"
)

// cache keeps the results that were used last, as many as fit into a weight.
// It is safe for concurrent use.
type cache struct {
	mutex  sync.Mutex
	limit  int
	weight int
	order  *list.List
	items  map[string]*list.Element
}

type cached struct {
	key    string
	result kept
}

// newCache is a cache of results that weigh up to limit bytes together.
func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: map[string]*list.Element{}}
}

func (c *cache) get(key string) (*Result, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	item, ok := c.items[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(item)
	return item.Value.(*cached).result.whole() //nolint:forcetypeassert // the list holds nothing else
}

// put keeps a result, unless it alone would push out a quarter of the others.
func (c *cache) put(key string, r *Result) {
	result := keep(r)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, ok := c.items[key]; ok || result.weight > c.limit/4 {
		return
	}
	c.items[key] = c.order.PushFront(&cached{key: key, result: result})
	c.weight += result.weight
	for c.weight > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*cached) //nolint:forcetypeassert // the list holds nothing else
		delete(c.items, oldest.key)
		c.weight -= oldest.result.weight
	}
}

// kept is a result whose objects are packed. As long as somebody uses them they are
// also there as they were given, so that all see the same ones.
type kept struct {
	result Result // without its objects
	packed []packedObject
	used   weak.Pointer[Object] // the first of them
	weight int
}

type packedObject struct {
	Object  // without its content
	content string
	// as it is, where it cannot be packed
	whole map[string]any
}

// overhead is about what a result takes beside its packed objects.
const overhead = 600

func keep(r *Result) kept {
	k := kept{result: *r, packed: make([]packedObject, len(r.Objects)), weight: overhead}
	k.result.Objects = nil
	for i, object := range r.Objects {
		p := packedObject{Object: object}
		p.Content = nil
		content, ok := compact.Pack(object.Content)
		if p.content = content; !ok {
			p.whole = object.Content
			k.weight += weigh(object.Content)
		}
		k.packed[i] = p
		k.weight += len(p.content)
	}
	k.use(r.Objects)
	return k
}

func (k *kept) use(objects []Object) {
	if len(objects) > 0 {
		k.used = weak.Make(&objects[0])
	}
}

// whole is the result with its objects.
func (k *kept) whole() (*Result, bool) {
	result := k.result
	if first := k.used.Value(); first != nil {
		// A pointer to the first keeps all of them, and they never become fewer.
		result.Objects = unsafe.Slice(first, len(k.packed))
		return &result, true
	}
	result.Objects = make([]Object, len(k.packed))
	for i, p := range k.packed {
		object := p.Object
		object.Content = p.whole
		if p.whole == nil {
			content, ok := compact.Unpack(p.content)
			if !ok {
				return nil, false
			}
			object.Content = content
		}
		result.Objects[i] = object
	}
	k.use(result.Objects)
	return &result, true
}

// weigh estimates the bytes of memory that a JSON value takes.
func weigh(value any) int {
	const word, entry = 16, 40
	switch v := value.(type) {
	case map[string]any:
		// A small map has room for eight entries from the start.
		n := 48 + entry*max(8, 2*len(v))
		for _, item := range v {
			n += weigh(item)
		}
		return n
	case []any:
		n := 24
		for _, item := range v {
			n += word + weigh(item)
		}
		return n
	case string:
		return word + len(v)
	}
	return word
}
