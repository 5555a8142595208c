# SPDX-License-Identifier: GPL-2.0-only
#
# The rooms of the watch: who is watched and the file that says so, what looks
# and judges, and what breaks promises on purpose.

vma_torture-y += watch/watches.o watch/file.o watch/look.o watch/busted.o
