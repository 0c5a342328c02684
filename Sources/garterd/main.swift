print("garterd")
