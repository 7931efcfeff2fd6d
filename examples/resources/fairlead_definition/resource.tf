# A component type as a CUE file; in a repository of its own: cue = file("${path.module}/cache.cue").
resource "fairlead_definition" "cache" {
  cue = <<-CUE
    memory: {
    	type:        "component"
    	description: "A cache in memory that forgets all when it restarts."
    	attributes: {
    		workload: definition: {
    			apiVersion: "apps/v1"
    			kind:       "Deployment"
    		}
    		status: healthPolicy: #"""
    			isHealth: *false | bool
    			for c in context.output.status.conditions if c.type == "Available" {
    				isHealth: c.status == "True"
    			}
    			"""#
    	}
    }
    template: {
    	parameter: {
    		// +usage=Memory for entries, in MiB
    		memory: *64 | (int & >=16 & <=4096)
    	}
    	output: {
    		apiVersion: "apps/v1"
    		kind:       "Deployment"
    		spec: {
    			selector: matchLabels: "app.oam.dev/component": context.name
    			template: {
    				metadata: labels: "app.oam.dev/component": context.name
    				spec: containers: [{
    					name:  "memcached"
    					image: "docker.io/library/memcached:1.6.39-alpine"
    					args: ["-m", "\(parameter.memory)"]
    				}]
    			}
    		}
    	}
    }
  CUE
}

# A trait type by its attributes. Teams of one namespace alone can use it.
resource "fairlead_definition" "priority" {
  kind        = "trait"
  name        = "priority"
  namespace   = "default"
  description = "Which pods go first when a node is full."
  applies_to  = ["deployments.apps", "statefulsets.apps"]

  template = <<-CUE
    parameter: {
    	// +usage=Name of a PriorityClass
    	class: *"standard" | string
    }
    patch: spec: template: spec: priorityClassName: parameter.class
  CUE
}

# With the definition given, the plan checks the properties and lists the objects, before the hub has the type.
resource "fairlead_application" "carts" {
  name        = "carts"
  namespace   = "default"
  definitions = [fairlead_definition.priority.ref]

  components = {
    web = {
      type       = "webservice"
      properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" }
      traits     = { priority = { class = "standard" } }
    }
  }
}
