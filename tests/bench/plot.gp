# SPDX-License-Identifier: Apache-2.0
#
# One panel below the other: the guest's touches per second over time, for each
# method, the time from the command to the end of the move shaded. Called by
# report.sh:  gnuplot -e "list='FILE'; out='FILE'; kind='svg'; head='…'" plot.gp
# list has a line for each panel: DATA, TITLE, SECONDS, USUAL, with tabs.

n = int(system("wc -l <" . list))
file(i) = system("sed -n '" . i . "p' " . list . " | cut -f1")
name(i) = system("sed -n '" . i . "p' " . list . " | cut -f2")
moving(i) = real(system("sed -n '" . i . "p' " . list . " | cut -f3"))
usual(i) = real(system("sed -n '" . i . "p' " . list . " | cut -f4"))

longest = 0
highest = 0
do for [i = 1:n] {
	longest = moving(i) > longest ? moving(i) : longest
	highest = usual(i) > highest ? usual(i) : highest
}

height = 80 + 140 * n
if (kind eq 'svg') {
	set terminal svg size 900,height font 'sans,13' background '#ffffff'
} else {
	set terminal pngcairo size 900,height font 'sans,11' background '#ffffff'
}
set output out
set multiplot layout n,1 title head margins 0.11,0.97,60.0/height,1-65.0/height spacing 0.03,0.06
set xrange [-5:longest + 3]
set yrange [0:highest * 1.15 / 1000]
set ytics nomirror
set xtics nomirror
set border 3
set grid ytics lc rgb '#dddddd' lt 1
set style fill solid 1 noborder
set ylabel '1000 touches/s'
unset key
do for [i = 1:n] {
	set object 1 rectangle from 0, graph 0 to moving(i), graph 1 \
		fc rgb '#ffe3c2' fillstyle solid 1 noborder behind
	set label 1 name(i) at graph 0.0, graph 1.09 left front
	if (i == n) {
		set xlabel 'seconds from the start of the move'
		set format x '%g'
	} else {
		unset xlabel
		set format x ''
	}
	plot usual(i) / 1000 with lines lc rgb '#999999' dt 2, \
		file(i) using 1:($2 / 1000) with fsteps lc rgb '#1f4e8c' lw 1.5
	unset object 1
	unset label 1
}
unset multiplot
