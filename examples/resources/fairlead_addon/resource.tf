resource "fairlead_addon" "hub" {
  replicas = 2
}
