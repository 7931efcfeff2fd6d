# Needs a hub with the addon and with Open Cluster Management, named by the environment:
#
#   FAIRLEAD_CONFIG_PATH=~/.kube/config terraform test
#
# What it makes is removed at the end. Nothing is delivered.

run "platform" {
  variables {
    # Taken in, and tainted, so that nothing is sent to it.
    managed_clusters = {
      platform-edge = { labels = { platform-test = "yes" }, taints = [{ key = "example.com/new", effect = "NoSelect" }] }
    }
    environments = {
      platform-dev = {
        application_namespaces = { names = ["platform-team"], create = true }
        target_namespace       = { suffix = "-dev" }
      }
      platform-prod = {
        application_namespaces = { names = ["platform-team"], create = true }
        target_namespace       = { suffix = "-prod" }
        defaults               = { webservice = { traits = { scaler = { replicas = 3 } } } }
        constraints            = { max_replicas = 20 }
      }
    }
    bindings = {
      platform-dev = { environment = "platform-dev", clusters = ["local"] }
      platform-prod = {
        environment = "platform-prod"
        placement   = { cluster_sets = ["default"], match_labels = { platform-test = "yes" } }
        overrides   = [{ componentType = "webservice", traits = { scaler = { replicas = 6 } } }]
      }
    }
  }

  assert {
    condition     = keys(output.environments) == ["platform-dev", "platform-prod"]
    error_message = "Made were ${jsonencode(keys(output.environments))}."
  }

  assert {
    condition     = fairlead_cluster_binding.this["platform-prod"].environment == "platform-prod" && fairlead_managed_cluster.this["platform-edge"].id == "platform-edge"
    error_message = "Made were ${jsonencode(fairlead_cluster_binding.this)}."
  }
}

run "one_environment_less" {
  variables {
    environments = {
      platform-dev = {
        application_namespaces = { names = ["platform-team"], create = true }
        target_namespace       = { suffix = "-dev" }
      }
    }
    bindings = { platform-dev = { environment = "platform-dev", clusters = ["local"] } }
  }

  assert {
    condition     = keys(output.environments) == ["platform-dev"] && length(fairlead_managed_cluster.this) == 0
    error_message = "Left are ${jsonencode(keys(output.environments))}."
  }
}
