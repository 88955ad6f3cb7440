# SPDX-License-Identifier: Apache-2.0
mkdir -p out/who
echo "$RANK of $WORLD_SIZE" > out/who/rank
