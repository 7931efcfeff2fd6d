# Needs no hub: what is planned here is planned offline, and nothing is written.

provider "fairlead" {
  hub = { host = "https://127.0.0.1:1", token = "none" }
}

variables {
  environments = {
    dev = { application_namespaces = { names = ["shop"], create = true } }
    # Of another type than dev, in each of its arguments.
    prod = {
      application_namespaces = { selector = { match_labels = { team = "yes" } } }
      target_namespace       = { suffix = "-prod" }
      defaults               = { webservice = { properties = { cpu = "100m" }, traits = { scaler = { replicas = 3 } } } }
      constraints            = { allowed_registries = ["ghcr.io/acme"], max_replicas = 20 }
      namespace_options = {
        objects = [{ apiVersion = "v1", kind = "ResourceQuota", metadata = { name = "team" }, spec = { hard = { pods = "50" } } }]
      }
      deletion = { protection = true }
    }
  }
  bindings = {
    dev = { environment = "dev", clusters = ["local"] }
    prod-eu = {
      environment = "prod"
      placement   = { cluster_sets = ["production"], match_labels = { region = "eu" } }
      overrides   = [{ componentType = "webservice", traits = { scaler = { replicas = 6 } } }]
      rollout     = { stall_after = "3m" }
    }
  }
}

run "everything" {
  command = plan

  variables {
    addon            = { replicas = 2, values = { defaultEnvironment = { enabled = false } } }
    managed_clusters = { eu-1 = { cluster_set = "production", labels = { region = "eu" } }, eu-2 = {} }
  }

  assert {
    condition     = fairlead_addon.hub[0].replicas == 2 && fairlead_addon.hub[0].values.defaultEnvironment.enabled == false
    error_message = "The addon is planned as ${jsonencode(fairlead_addon.hub)}."
  }

  assert {
    condition     = output.environments.prod.ref.defaults.webservice.traits.scaler.replicas == 3 && output.environments.prod.ref.target_namespace.suffix == "-prod"
    error_message = "The plan knows of prod: ${jsonencode(output.environments.prod)}."
  }

  assert {
    condition     = output.environments.dev.ref.name == "dev" && fairlead_environment.this["dev"].constraints == null
    error_message = "The environment dev has what only prod has: ${jsonencode(fairlead_environment.this["dev"])}."
  }

  assert {
    condition     = fairlead_cluster_binding.this["prod-eu"].overrides[0].traits.scaler.replicas == 6 && fairlead_cluster_binding.this["dev"].overrides == null
    error_message = "The bindings are planned as ${jsonencode(fairlead_cluster_binding.this)}."
  }

  assert {
    condition     = fairlead_managed_cluster.this["eu-1"].labels.region == "eu" && fairlead_managed_cluster.this["eu-2"].labels == null
    error_message = "The clusters are planned as ${jsonencode(fairlead_managed_cluster.this)}."
  }
}

run "addon_elsewhere" {
  command = plan

  assert {
    condition     = length(fairlead_addon.hub) == 0 && output.addon_version == null
    error_message = "The addon is installed although nobody says so."
  }
}

run "unknown_argument" {
  command = plan

  variables {
    environments = { dev = { application_namespaces = { names = ["shop"] }, defautls = {} } }
    bindings     = {}
  }

  expect_failures = [var.environments]
}

run "nobody_may_deliver" {
  command = plan

  variables {
    environments = { dev = {} }
    bindings     = {}
  }

  expect_failures = [var.environments]
}

run "binding_of_nothing" {
  command = plan

  variables {
    bindings = { dev = { environment = "staging", clusters = ["local"] } }
  }

  expect_failures = [var.bindings]
}

run "unknown_argument_of_a_binding" {
  command = plan

  variables {
    bindings = { dev = { environment = "dev", cluster = "local" } }
  }

  expect_failures = [var.bindings]
}

run "hub_as_a_cluster" {
  command = plan

  variables {
    managed_clusters = { local = {} }
  }

  expect_failures = [var.managed_clusters]
}
