# Taken into the fleet before its agent asks: the guide "Clusters of the fleet" shows how the agent joins in the same run.
resource "fairlead_managed_cluster" "eu_1" {
  name   = "eu-1"
  labels = { region = "eu", tier = "gold" }

  # Until it is ready to be used: only bindings that tolerate the taint choose it.
  taints = [{ key = "example.com/new", effect = "NoSelect" }]
}
