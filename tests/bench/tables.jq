# SPDX-License-Identifier: Apache-2.0
# bench.json to the tables of performance.md.

def order:
  {"ours": 1, "ours-hurry": 2, "ours-collapse": 3, "migratepages": 4,
   "numatune": 5, "ours-follow": 6, "balancing": 7, "numad": 8}[.] // 9;

def called:
  {"ours": "vmnumad", "ours-hurry": "vmnumad --hurry",
   "ours-collapse": "vmnumad --hurry, collapse = yes",
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

def of($method): map(select(.method == $method)) | first;
def times($n): if . == null then "-" else fixed($n) + " times" end;
def ratio($a; $b): if $a == null or $b == null or $b <= 0 then null else $a / $b end;
def least($values): [$values[] | select(. != null)] | min;

# What the table says, as the ratios that count; of medians.
def verdict:
  of("ours") as $ours | of("ours-hurry") as $hurry
  | of("ours-collapse") as $joined
  | of("migratepages") as $mp | of("numatune") as $nt
  | select($hurry != null and $mp != null)
  | "Of these medians: in a hurry vmnumad has \(
      ratio($hurry.mb_per_s.median; $mp.mb_per_s.median) | times(1)
    ) the throughput of migratepages\(
      if $joined == null then ""
      else ", and with `collapse = yes` \(
        ratio($joined.mb_per_s.median; $mp.mb_per_s.median) | times(1))"
      end).\(
      if $ours == null then ""
      else " At its default pace the guest loses \(
        ratio($ours.lost_s.median; least([$mp.lost_s.median, $nt.lost_s.median])) | times(2)
      ) the work that it loses by the better of the kernel's ways, and its longest gap is \(
        ratio($ours.longest_gap_ms.median;
              least([$mp.longest_gap_ms.median, $nt.longest_gap_ms.median])) | times(2)
      ) the shorter of theirs."
      end)",
    "";

def follow_verdict:
  of("ours-follow") as $ours | of("balancing") as $kernel
  | select($ours != null and $kernel != null)
  | "Of these medians: \(
      if $kernel.lost_s.median <= 0
      then "the work that kernel balancing costs the guest is lost in the ups and downs of the machine"
      else "vmnumad costs the guest \(
        ratio($ours.lost_s.median; $kernel.lost_s.median) | times(2)
      ) the work that kernel balancing costs it"
      end). \(
      if $kernel.arrived < $kernel.runs
      then "While it was watched, kernel balancing came to an end \($kernel.arrived) times of \($kernel.runs)"
      else "vmnumad is whole in \(
        ratio($ours.seconds.median; $kernel.seconds.median) | times(2)) its time"
      end).",
    "";

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
     move_table, "", verdict),
  (map(select(follows)) | select(length > 0)
   | "### After a pin: \(.[0].guest | guest_called), shape \"\(.[0].shape)\"",
     "", follow_table, "", follow_verdict)
