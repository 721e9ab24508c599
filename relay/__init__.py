"""
A durable webhook relay between Customer.io and the Adobe Experience Platform streaming inlet.
"""
