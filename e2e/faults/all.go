package faults

// All returns all faults.
func All() []Fault {
	return []Fault{
		calm, watched, steps, kills, stops, scaling, natsKills, natsWipes, postgresRefuses, postgresHangs, cutOff, badStore, twice, outOfOrder,
		together, race, people, sharing, retries, consoles, fullDisk, media, slow, clocks, databaseClock,
		upgrade, upgradeMedia, clusterKills, clusterPartitions,
	}
}
