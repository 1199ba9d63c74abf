#!/bin/sh
# Starts FreeRADIUS of this folder.
#
# A power cut may have left the last packet that waited on disk half written. FreeRADIUS would throw away all that follows
# in its file. Nobody was told that it was received, so it goes: the router sends it again. What was counted goes with it.
umask 077
cd '@DIR@/acct' || exit 1
for file in detail*; do
    [ -f "$file" ] || continue
    perl -00 -ne 'print if /^\tTimestamp = \d+\n\n\z/m' "$file" > whole && mv whole "$file"
done
exec freeradius -d '@DIR@' -f
