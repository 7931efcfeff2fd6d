# Needs no hub: what is planned here is planned offline, and nothing is written.

provider "fairlead" {
  hub = { host = "https://127.0.0.1:1", token = "none" }
}

variables {
  name        = "shop"
  team        = "team-workspace"
  environment = "prod"

  components = {
    web = {
      type       = "webservice"
      properties = { image = "ghcr.io/acme/shop:1", ports = [{ port = 8080 }] }
      traits     = { scaler = { replicas = 2 } }
    }
    jobs = { type = "worker", properties = { image = "ghcr.io/acme/jobs:1", cmd = ["run"] } }
  }

  differences = {
    dev  = { web = { properties = { image = "ghcr.io/acme/shop:next" } } }
    prod = { web = { traits = { scaler = { replicas = 6 }, hpa = { min = 6, max = 9 } } } }
  }
}

run "differences_of_its_own" {
  command = plan

  assert {
    condition     = output.id == "team-workspace-prod/shop"
    error_message = "The application is ${output.id}."
  }

  assert {
    condition     = toset(keys(output.resources)) == toset(["prod/web/Deployment/web", "prod/web/HorizontalPodAutoscaler/web", "prod/jobs/Deployment/jobs"])
    error_message = "The plan lists ${jsonencode(keys(output.resources))}."
  }

  assert {
    condition     = fairlead_application.this.environments.prod.components.web.traits.hpa.max == 9
    error_message = "A number became something else: ${jsonencode(fairlead_application.this.environments)}"
  }
}

run "environment_without_differences" {
  command = plan

  variables {
    environment = "staging"
    namespace   = "shop-before-release"
  }

  assert {
    condition     = output.id == "shop-before-release/shop" && toset(keys(output.resources)) == toset(["staging/web/Deployment/web", "staging/jobs/Deployment/jobs"])
    error_message = "The plan of ${output.id} lists ${jsonencode(keys(output.resources))}."
  }
}

run "wrong_names" {
  command = plan

  variables {
    name        = "Shop"
    team        = "-"
    environment = "prod.eu"
    namespace   = "a b"
  }

  expect_failures = [var.name, var.team, var.environment, var.namespace]
}

run "wrong_differences" {
  command = plan

  variables {
    differences = ["prod"]
  }

  expect_failures = [var.differences]
}

run "component_without_type" {
  command = plan

  variables {
    components = { web = { properties = { image = "ghcr.io/acme/shop:1" } } }
  }

  expect_failures = [var.components]
}

run "wrong_rollout" {
  command = plan

  variables {
    rollout = { on_failure = "rollback" }
  }

  expect_failures = [var.rollout]
}
