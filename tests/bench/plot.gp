# SPDX-License-Identifier: Apache-2.0
#
# One panel below the other: the guest's touches per second over time, for each
# method, the time from the start of the move to its end shaded. Called by
# report.sh:  gnuplot -e "list='FILE'; out='FILE'; kind='svg'; head='…'" plot.gp
# list has a line for each panel: DATA "TITLE" WINDOW_S

n = int(system("wc -l <" . list))
file(i) = system("sed -n '" . i . "p' " . list . " | cut -f1")
name(i) = system("sed -n '" . i . "p' " . list . " | cut -f2")
window(i) = real(system("sed -n '" . i . "p' " . list . " | cut -f3"))
usual(i) = real(system("sed -n '" . i . "p' " . list . " | cut -f4"))

longest = 0
highest = 0
do for [i = 1:n] {
	longest = window(i) > longest ? window(i) : longest
	highest = usual(i) > highest ? usual(i) : highest
}

height = 70 + 130 * n
if (kind eq 'svg') {
	set terminal svg size 900,height font 'sans,13' background '#ffffff'
} else {
	set terminal pngcairo size 900,height font 'sans,11' background '#ffffff'
}
set output out
set multiplot layout n,1 title head margins 0.11,0.97,0.09,0.92 spacing 0.03
set xrange [-5:longest + 3]
set yrange [0:highest * 1.25 / 1000]
set ytics nomirror
set xtics nomirror
set border 3
set grid ytics lc rgb '#dddddd' lt 1
set style fill solid 1 noborder
set ylabel '1000 touches/s'
unset key
do for [i = 1:n] {
	set object 1 rectangle from 0, graph 0 to window(i), graph 1 \
		fc rgb '#ffe3c2' behind
	set label 1 name(i) at graph 0.99, graph 0.90 right front
	if (i == n) {
		set xlabel 'seconds from the start of the move'
		set format x '%g'
	} else {
		unset xlabel
		set format x ''
	}
	plot usual(i) / 1000 with lines lc rgb '#999999' dt 2, \
		file(i) using 1:($2 / 1000) with steps lc rgb '#1f4e8c' lw 1.5
	unset object 1
	unset label 1
}
unset multiplot
