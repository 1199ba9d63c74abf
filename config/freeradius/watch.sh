#!/bin/sh
# FreeRADIUS in a container, with the routers and log-ins of the database (script/server does the same by itself).
#
# The service radius-files writes them to the folder "wanted". What is new there is checked with the rest of the configuration in a
# folder of its own; then it takes the place of the old, file by file in one step, and the server is started again, which takes
# less than a second (it reads neither file again on SIGHUP). What is not right leaves the old in place. Without a database,
# as after a power cut, the server starts with the files of last time.
umask 077
cd '@DIR@' || exit 1
server='' ending='' refused=''
trap 'ending=1; [ -z "$server" ] || kill -TERM "$server" 2>/dev/null' TERM INT

# Names as in "wanted" and here.
differs() {
    { [ -f wanted/clients.conf ] && ! cmp -s wanted/clients.conf clients.conf; } ||
        { [ -f wanted/users_fallback ] && ! cmp -s wanted/users_fallback policy/users_fallback; }
}

replace() {
    if [ -f "$1" ]; then
        cp "$1" "$2.new" && sync "$2.new" && mv "$2.new" "$2"
    fi
}

# Put in place what is wanted; fails when nothing was changed.
take() {
    differs || return 1
    # A copy: what is checked is what is taken, also when it is written anew meanwhile.
    rm -rf staged && mkdir -p staged/log staged/acct staged/run && cp -r wanted staged/taken || return 1
    now=$(cat staged/taken/* | cksum)
    [ "$now" != "$refused" ] || return 1
    cp -r dictionary mods sites sql policy pgpass clients.conf staged/ || return 1
    sed 's|^raddbdir = .*|raddbdir = @DIR@/staged|' radiusd.conf > staged/radiusd.conf || return 1
    replace staged/taken/clients.conf staged/clients.conf
    replace staged/taken/users_fallback staged/policy/users_fallback
    if said=$(freeradius -d '@DIR@/staged' -C -l stdout 2>&1); then
        replace staged/taken/clients.conf clients.conf && replace staged/taken/users_fallback policy/users_fallback || return 1
        rm -rf staged
        echo "FreeRADIUS has new routers or log-ins"
    else
        refused=$now
        printf 'FreeRADIUS keeps its files; the new ones are not right:\n%s\n' "$said" | tail -n 20
        return 1
    fi
}

take
while [ -z "$ending" ]; do
    sh start.sh & server=$!
    again=''
    while kill -0 "$server" 2>/dev/null && [ -z "$ending$again" ]; do
        sleep "${WATCH_SECONDS:-5}" & wait $!
        if take; then
            again=1
            kill -TERM "$server"
        fi
    done
    # A signal ends the waiting before the server has ended.
    while kill -0 "$server" 2>/dev/null; do
        wait "$server"
    done
    wait "$server"
    code=$?
    # It ended by itself: whoever started us starts it again.
    [ -n "$ending$again" ] || exit "$code"
done
