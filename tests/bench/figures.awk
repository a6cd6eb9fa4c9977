# SPDX-License-Identifier: Apache-2.0
#
# Makes the figures of one run of moves.sh: awk -f figures.awk run where touches
# prints one JSON object. README.md of this folder says what each figure means.

# Touches between two times; a line's touches lie evenly over its length.
function touches_between(from, to,    i, a, b, sum) {
	for (i = 1; i <= n_lines; i++) {
		a = at[i] - len[i] > from ? at[i] - len[i] : from
		b = at[i] < to ? at[i] : to
		if (b > a)
			sum += touches[i] * (b - a) / len[i]
	}
	return sum
}

# Touches of each second that ends with a line in (from, to], into seconds[].
function list_seconds(from, to,    i, n) {
	for (i = 1; i <= n_lines; i++)
		if (at[i] > from && at[i] <= to)
			seconds[++n] = touches_between(at[i] - 1000, at[i])
	return n
}

function median_second(n,    i, j, x) {
	for (i = 2; i <= n; i++) {
		x = seconds[i]
		for (j = i - 1; j > 0 && seconds[j] > x; j--)
			seconds[j + 1] = seconds[j]
		seconds[j + 1] = x
	}
	return seconds[int((n + 1) / 2)]
}

function least_second(n,    i, least) {
	least = seconds[1]
	for (i = 2; i <= n; i++)
		if (seconds[i] < least)
			least = seconds[i]
	return least
}

function longest_gap(from, to,    i, gap) {
	for (i = 1; i <= n_lines; i++)
		if (at[i] > from && at[i] - len[i] < to && gaps[i] > gap)
			gap = gaps[i]
	return gap + 0
}

# Percent on the target so many seconds after the start; after its arrival
# the memory is no longer watched. null: the watching ended without.
function share_after(s,    i) {
	for (i = 1; i <= n_seen; i++)
		if (seen_at[i] >= run["start"] + s * 1000)
			return sprintf("%.1f", seen_share[i] * 100)
	return arrival ? sprintf("%.1f", seen_share[n_seen] * 100) : "null"
}

function find_arrival(    i) {
	for (i = 1; i <= n_seen; i++) {
		if (seen_at[i] <= run["start"])
			bytes_at_start = seen_here[i]
		if (!arrival && seen_at[i] > run["start"] && seen_share[i] >= 0.97) {
			arrival = seen_at[i]
			bytes_at_arrival = seen_here[i]
		}
	}
}

FILENAME ~ /run$/ {
	run[$1] = $2
	next
}

FILENAME ~ /where$/ {
	here = all = 0
	for (i = 2; i <= NF; i++) {
		split($i, pair, ":")
		all += pair[2]
		if (pair[1] == run["to"])
			here = pair[2]
	}
	if (all > 0) {
		seen_at[++n_seen] = $1
		seen_here[n_seen] = here
		seen_share[n_seen] = here / all
	}
	next
}

{
	at[++n_lines] = $1
	touches[n_lines] = $2
	gaps[n_lines] = $3
	len[n_lines] = $4 > 0 ? $4 : 1
}

END {
	find_arrival()
	follows = run["method"] ~ /^(ours-follow|balancing|numad)$/
	last = arrival > run["returned"] ? arrival : run["returned"]
	if (follows && !arrival)
		last = run["end"] - 1000
	last += 1000
	window = last - run["start"]
	before = run["start"] - run["control"]
	if (before > window)
		before = window

	n = list_seconds(run["control"] + 1000, run["start"])
	usual = median_second(n)
	control_worst = least_second(n)
	of_control = touches_between(run["start"] - before, run["start"])
	delete seconds
	worst = least_second(list_seconds(run["start"], last))
	lost = (of_control * window / before - touches_between(run["start"], last)) / usual

	printf "{\"guest\":\"%s\",\"vcpus\":%d,\"cpus_per_node\":%d,", run["guest"], run["vcpus"], run["cpus_per_node"]
	printf "\"method\":\"%s\",\"round\":%d,\"from\":%d,\"to\":%d,", run["method"], run["round"], run["from"], run["to"]
	printf "\"status\":%d,\"start_ms\":%.0f,\"window_s\":%.2f,", run["status"], run["start"], window / 1000
	printf "\"returned_s\":%.2f,\"moving_s\":%.2f,", (run["returned"] - run["start"]) / 1000, (window - 1000) / 1000
	if (arrival) {
		took = (arrival - run["start"]) / 1000
		printf "\"seconds\":%.2f,\"mb_per_s\":%.0f,", took, (bytes_at_arrival - bytes_at_start) / took / 1e6
	} else {
		printf "\"seconds\":null,\"mb_per_s\":null,"
	}
	printf "\"touches_per_s\":%.0f,\"lost_s\":%.2f,", usual, lost
	printf "\"control_lost_s\":%.2f,", (before - of_control / usual * 1000) / 1000
	printf "\"worst_second\":%.3f,\"control_worst_second\":%.3f,", worst / usual, control_worst / usual
	printf "\"longest_gap_ms\":%d,", longest_gap(run["start"], last)
	printf "\"control_longest_gap_ms\":%d,", longest_gap(run["control"], run["start"])
	printf "\"share_5s\":%s,\"share_20s\":%s,\"share_60s\":%s,", share_after(5), share_after(20), share_after(60)
	printf "\"wrong_bytes\":%.0f,\"right_bytes\":%.0f,", run["wrong_bytes"], run["right_bytes"]
	printf "\"huge_kib_before\":%d,\"huge_kib_after\":%d}\n", run["huge_kib_before"], run["huge_kib_after"]
}
