# Needs no hub: what is planned here is planned offline, and nothing is written.

provider "fairlead" {
  hub = { host = "https://127.0.0.1:1", token = "none" }
}

variables {
  name         = "shop"
  namespace    = "team-app"
  environments = { dev = {}, prod = { components = { web = { traits = { scaler = { replicas = 6 } } } } } }

  # Components of different types, with numbers, booleans, lists and objects: they must come through as they are.
  components = {
    web = {
      type       = "webservice"
      properties = { image = "ghcr.io/acme/shop:1", ports = [{ port = 8080, expose = true }] }
      traits     = { scaler = { replicas = 2 }, labels = { team = "shop" } }
    }
    jobs = {
      type       = "worker"
      properties = { image = "ghcr.io/acme/jobs:1", cmd = ["run", "--all"] }
      dependsOn  = ["web"]
    }
  }
}

run "objects_by_environment" {
  command = plan

  assert {
    condition = toset(keys(output.resources)) == toset([
      "dev/web/Deployment/web", "dev/web/Service/web", "dev/jobs/Deployment/jobs",
      "prod/web/Deployment/web", "prod/web/Service/web", "prod/jobs/Deployment/jobs",
    ])
    error_message = "The plan lists ${jsonencode(keys(output.resources))}."
  }

  assert {
    condition     = fairlead_application.this.components.web.traits.scaler.replicas == 2 && fairlead_application.this.components.web.properties.ports[0].expose == true
    error_message = "A number or a boolean became a text: ${jsonencode(fairlead_application.this.components)}"
  }

  assert {
    condition     = fairlead_application.this.components.jobs.dependsOn[0] == "web" && fairlead_application.this.components.jobs.properties.cmd[1] == "--all"
    error_message = "A component of another type was changed: ${jsonencode(fairlead_application.this.components)}"
  }

  assert {
    condition     = fairlead_rollout.this[0].on_failure == "error" && fairlead_rollout.this[0].timeouts.create == "20m"
    error_message = "The rollout has not the defaults."
  }
}

run "list_of_environments" {
  command = plan

  variables {
    environments = ["dev"]
    rollout      = { wait = false }
  }

  assert {
    condition     = toset(keys(output.resources)) == toset(["dev/web/Deployment/web", "dev/web/Service/web", "dev/jobs/Deployment/jobs"])
    error_message = "The plan lists ${jsonencode(keys(output.resources))}."
  }

  assert {
    condition     = length(fairlead_rollout.this) == 0 && output.endpoints == null
    error_message = "The rollout is waited for although nobody wants that."
  }
}

run "no_environment" {
  command = plan

  variables {
    environments = []
  }

  expect_failures = [var.environments]
}

run "no_component" {
  command = plan

  variables {
    components = {}
  }

  expect_failures = [var.components]
}

run "list_of_components" {
  command = plan

  variables {
    components = [{ name = "web", type = "webservice" }]
  }

  expect_failures = [var.components]
}

run "component_without_type" {
  command = plan

  variables {
    components = { web = { properties = { image = "ghcr.io/acme/shop:1" } } }
  }

  expect_failures = [var.components]
}

run "wrong_names" {
  command = plan

  variables {
    name      = "Shop"
    namespace = "team/shop"
  }

  expect_failures = [var.name, var.namespace]
}

run "wrong_rollout" {
  command = plan

  variables {
    rollout = { on_failure = "rollback" }
  }

  expect_failures = [var.rollout]
}

run "wrong_timeout" {
  command = plan

  variables {
    rollout = { timeout = "20" }
  }

  expect_failures = [var.rollout]
}
