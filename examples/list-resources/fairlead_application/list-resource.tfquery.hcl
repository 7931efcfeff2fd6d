# In a file of its own, such as applications.tfquery.hcl: terraform query -generate-config-out=applications.tf
list "fairlead_application" "unmanaged" {
  provider = fairlead

  config {
    namespace = "shop"
    unowned   = true
  }
}
