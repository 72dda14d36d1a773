"""What joules mean outside the machine: kilowatt-hours, grams of CO2e, money, and what comes of them over time."""
