print("garter")
