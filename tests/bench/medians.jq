# SPDX-License-Identifier: Apache-2.0
# An array of runs (figures.awk) to one object for each shape, guest and method:
# of each figure the median, the least and the greatest.

def median:
  sort
  | if length == 0 then null
    elif length % 2 == 1 then .[(length - 1) / 2]
    else (.[length / 2 - 1] + .[length / 2]) / 2
    end;

def spread($key):
  map(.[$key] | select(. != null))
  | {median: median, min: min, max: max};

def figures:
  ["seconds", "mb_per_s", "lost_s", "control_lost_s", "worst_second",
   "control_worst_second", "longest_gap_ms", "control_longest_gap_ms",
   "touches_per_s", "wrong_bytes", "share_5s", "share_20s", "share_60s"];

group_by([.shape, .guest, .method])
| map(. as $runs | {
    shape: .[0].shape,
    guest: .[0].guest,
    method: .[0].method,
    runs: length,
    arrived: map(select(.seconds != null)) | length
  } + (figures | map({key: ., value: (. as $key | $runs | spread($key))})
       | from_entries))
