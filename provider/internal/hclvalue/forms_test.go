// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

// form is a way to write a value in HCL.
type form struct {
	reason     string
	expression string
	// json is what the hub is sent.
	json string
}

// forms are the ways to write values that were seen to differ from one another
// on their way through an engine and back.
func forms() []form {
	return []form{
		{"an object literal", `{ web = { type = "webservice", properties = { image = "a" } } }`, `{"web":{"type":"webservice","properties":{"image":"a"}}}`},
		{"nested tuples of mixed types", `{ l = [1, "a", [true, { b = 2 }]] }`, `{"l":[1,"a",[true,{"b":2}]]}`},
		{"a tuple with a null, an object and a list", `{ l = [null, { a = 1 }, [2]] }`, `{"l":[null,{"a":1},[2]]}`},
		{"keys that are no identifiers", `{ "/" = 8080, "8080" = "x", "a.b/c" = true }`, `{"/":8080,"8080":"x","a.b/c":true}`},
		{"text that JSON escapes", `{ s = "ünïcode <&> \n $${x} \u2028" }`, `{"s":"ünïcode <&> \n ${x} \u2028"}`},
		{"tomap inside", `{ labels = tomap({ a = "1", b = "2" }) }`, `{"labels":{"a":"1","b":"2"}}`},
		{"tolist inside", `{ cmd = tolist(["a", "b"]) }`, `{"cmd":["a","b"]}`},
		{"toset inside", `{ hosts = toset(["b", "a", "b"]) }`, `{"hosts":["a","b"]}`},
		{"a map as a whole", `tomap({ web = { type = "webservice" }, api = { type = "worker" } })`, `{"web":{"type":"webservice"},"api":{"type":"worker"}}`},
		{"merge", `merge({ a = { n = 1 } }, { b = { n = "x" } })`, `{"a":{"n":1},"b":{"n":"x"}}`},
		{"a for expression that makes an object", `{ for k in ["a", "b"] : k => { type = k } }`, `{"a":{"type":"a"},"b":{"type":"b"}}`},
		{"a for expression that makes a tuple", `{ env = [for k in ["A", "B"] : { name = k, value = "x" }] }`, `{"env":[{"name":"A","value":"x"},{"name":"B","value":"x"}]}`},
		{"a module variable with any inside", `typed`, `{"web":{"type":"webservice","properties":{"image":"a"}}}`},
		{"an optional attribute that was left out", `optional`, `{"n":3}`},
		{"map(any) of a number and a string", `{ p = tomap({ n = 1, s = "b" }) }`, `{"p":{"n":"1","s":"b"}}`},
		{"null leaves", `{ a = null, b = { c = null, d = 1 }, traits = null }`, `{"b":{"d":1}}`},
		{"a condition with null", `{ a = true ? null : { b = 1 }, c = true ? { b = 1 } : null }`, `{"c":{"b":1}}`},
		{"numbers", `{ n = [1, 1.0, 1e3, 0.1, 1.5, -3, 9223372036854775807, 0.30000000000000004] }`, `{"n":[1,1,1000,0.1,1.5,-3,9223372036854775807,0.30000000000000004]}`},
		{"a number without an end", `{ third = 1 / 3 }`, `{"third":0.3333333333333333}`},
		{"strings that look like something else", `{ s = ["1", "1.0", "true", "null", "", "1e3", "007"] }`, `{"s":["1","1.0","true","null","","1e3","007"]}`},
		{"empty collections", `{ a = [], b = {}, c = [[]], d = [{}] }`, `{"a":[],"b":{},"c":[[]],"d":[{}]}`},
		{"empty typed collections", `{ a = tolist([]), b = tomap({}) }`, `{"a":[],"b":{}}`},
		{"an empty object as a whole", `{}`, `{}`},
		{"a condition that makes a map of numbers", `{ a = true ? { a = 1 } : {}, b = false ? { a = 1 } : {} }`, `{"a":{"a":1},"b":{}}`},
		{"a condition that makes a map of strings", `{ a = true ? { a = 1, b = "x" } : {} }`, `{"a":{"a":"1","b":"x"}}`},
		{"jsondecode", `jsondecode("{\"a\":[1,\"b\",null,{\"c\":true}],\"d\":1.5}")`, `{"a":[1,"b",null,{"c":true}],"d":1.5}`},
		{"a multi-line string", "{ s = <<-EOT\n  a\n    b\n  EOT\n}", `{"s":"a\n  b\n"}`},
		{"bools", `{ a = true, b = !true }`, `{"a":true,"b":false}`},
		{"deep nesting", `{ a = { b = { c = { d = [{ e = { f = [1] } }] } } } }`, `{"a":{"b":{"c":{"d":[{"e":{"f":[1]}}]}}}}`},
		{"a list of objects", `{ l = tolist([{ a = "1" }, { a = "2" }]) }`, `{"l":[{"a":"1"},{"a":"2"}]}`},
	}
}
