terraform import fairlead_application.hello default/hello
