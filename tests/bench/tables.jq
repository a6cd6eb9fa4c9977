# SPDX-License-Identifier: Apache-2.0
# bench.json to the tables of performance.md.

def order:
  {"ours": 1, "ours-hurry": 2, "migratepages": 3, "numatune": 4,
   "ours-follow": 5, "balancing": 6, "numad": 7}[.] // 9;

def called:
  {"ours": "vmnumad", "ours-hurry": "vmnumad --hurry",
   "migratepages": "migratepages", "numatune": "virsh numatune --live",
   "ours-follow": "vmnumad, automatic", "balancing": "kernel balancing",
   "numad": "numad -i 5:5"}[.] // .;

def guest_called:
  {"thp": "2 MiB pages (THP)", "4k": "4 KiB pages (THP off)",
   "memfd": "shared memory (memfd, 4 KiB pages)",
   "hugetlb": "hugetlb pages of 2 MiB"}[.] // .;

def follows: .method | . == "ours-follow" or . == "balancing" or . == "numad";

def fixed($n):
  if . == null then "-"
  else ((if . < 0 then "-" else "" end) as $sign
    | (fabs * pow(10; $n) | round) as $x
    | ($x / pow(10; $n) | floor | tostring) as $whole
    | if $n == 0 then $sign + $whole
      else $sign + $whole + "."
        + (($x % (pow(10; $n) | floor)) | tostring
           | (("0" * ($n - length)) // "") + .)
      end)
  end;

# "2.1 (1.9 to 2.4)"
def spread($n):
  if .median == null then "never"
  else "\(.median | fixed($n)) (\(.min | fixed($n)) to \(.max | fixed($n)))"
  end;

def spread_or_dash($n): if .median == null then "-" else spread($n) end;
def percent: map_values(if . == null then null else . * 100 end);
def mib: map_values(if . == null then null else . / 1048576 end);
def row: "| " + join(" | ") + " |";

def move_table:
  (["way", "moves", "seconds", "MB/s", "guest work lost, s", "worst second, %",
    "longest gap, ms", "left behind, MiB"] | row),
  ("|---|---|---|---|---|---|---|---|"),
  (.[] | [(.method | called), "\(.arrived) of \(.runs)",
    (.seconds | spread(1)), (.mb_per_s | spread(0)), (.lost_s | spread(2)),
    (.worst_second | percent | spread(0)), (.longest_gap_ms | spread(0)),
    (.wrong_bytes | mib | spread(0))] | row),
  "",
  ("In the windows before the moves, with nothing moving: worst second \(
    [.[].control_worst_second.median] | add / length * 100 | fixed(0)
    ) %, longest gap \([.[].control_longest_gap_ms.median] | add / length
    | fixed(0)) ms, drift of the work done \(
    [.[].control_lost_s.min] | min | fixed(2)) to \(
    [.[].control_lost_s.max] | max | fixed(2)) s.");

def follow_table:
  (["what follows", "arrived", "seconds", "there after 5 s, %", "20 s, %",
    "60 s, %", "guest work lost, s", "worst second, %", "longest gap, ms"]
   | row),
  ("|---|---|---|---|---|---|---|---|---|"),
  (.[] | [(.method | called), "\(.arrived) of \(.runs)",
    (.seconds | spread(1)), (.share_5s | spread_or_dash(0)), (.share_20s | spread_or_dash(0)),
    (.share_60s | spread_or_dash(0)), (.lost_s | spread(1)),
    (.worst_second | percent | spread(0)), (.longest_gap_ms | spread(0))]
   | row);

.medians
| group_by([.shape, .guest])[]
| sort_by(.method | order)
| (map(select(follows | not)) | select(length > 0)
   | "### \(.[0].guest | guest_called), shape \"\(.[0].shape)\"", "",
     move_table, ""),
  (map(select(follows)) | select(length > 0)
   | "### After a pin: \(.[0].guest | guest_called), shape \"\(.[0].shape)\"",
     "", follow_table, "")
