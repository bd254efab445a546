/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Alice offers N modes in an order of hers, a line each; Mallory holds the lines and delivers what he likes; Bob takes
 * the winner by min-sum (ties: his own number). Mode 0 is the strongest. Both orders are any permutations.
 *
 * Mallory may drop, reorder, repeat and replay what Alice ever made, and inject lines of his own; he has no keys, so that
 * a line he makes has no MAC that holds. An old message of Alice's offers the weakest mode alone.
 *
 *   CARRIER 0  lines without any MAC (crypto lines, configurations)
 *   CARRIER 1  each line a message with a MAC over itself (repeated key-mgmt lines)
 *   CARRIER 2  each message also counts the lines (RFC 4567 section 7)
 *   CARRIER 3  the first message alone carries the whole list
 *   CARRIER 4  every message carries the whole list, and Bob keeps no replay cache (RFC 3830 section 5.4)
 *   CARRIER 5  every message carries the whole list, and Bob keeps one
 *
 * The claim is the assertion in Bob: whatever Mallory does, Bob refuses or takes what he would have taken without him.
 */
#ifndef CARRIER
#define CARRIER 5
#endif
#ifndef N
#define N 3
#endif
#define WEAKEST (N - 1)
#define END 255

byte alice[N];               /* her modes in her order */
byte bob[N];                 /* his number of each mode */
chan sent = [N] of { byte };
chan delivered = [N + 1] of { byte, bool, bool }; /* mode, made by Alice, made for this call */

#define SHUFFLE(order) /* any permutation */ \
	i = 0; taken = 0; \
	do \
	:: i < N -> \
		select(k : 0 .. N - 1); \
		if \
		:: (taken & (1 << k)) == 0 -> order[i] = k; taken = taken | (1 << k); i++ \
		:: else \
		fi \
	:: else -> break \
	od

#define CHOOSE(modes, count, winner) /* the smallest sum, then Bob's smaller number */ \
	atomic { \
		winner = END; best = END; i = 0; \
		do \
		:: i < count -> \
			score = N * (i + bob[modes[i]]) + bob[modes[i]]; \
			if \
			:: score < best -> best = score; winner = modes[i] \
			:: else \
			fi; \
			i++ \
		:: else -> break \
		od; \
		i = 0 \
	}

active proctype Mallory() {
	byte i = 0, m, held = 0;
	(len(sent) == N);
	do
	:: nempty(sent) -> sent?m
	:: empty(sent) -> break
	od;
	do
	:: held < N ->
		if
		:: select(m : 0 .. N - 1); delivered!m, true, true;
			printf("Mallory delivers Alice's line of mode %d\n", m); held++
		:: delivered!WEAKEST, true, false;
			printf("Mallory replays Alice's old message of mode %d\n", WEAKEST); held++
		:: select(m : 0 .. N - 1); delivered!m, false, true;
			printf("Mallory injects a line of mode %d\n", m); held++
		:: break
		fi
	:: else -> break
	od;
	delivered!END, true, true
}

active proctype AliceAndBob() {
	byte i, k, taken, best, score, count = 0, honest, chosen, m;
	byte got[N];
	bool genuine, fresh, refused = false, all_fresh = true;
	bool list_fresh = false, list_old = false;
	SHUFFLE(alice);
	SHUFFLE(bob);
	CHOOSE(alice, N, honest);
	i = 0;
	do
	:: i < N -> sent!alice[i]; i++
	:: else -> break
	od;
	do
	:: delivered?m, genuine, fresh ->
		if
		:: m == END -> break
		:: else ->
			got[count] = m; count++;
			if
			:: CARRIER > 0 && !genuine -> refused = true      /* the MAC does not hold */
			:: else
			fi;
			if
			:: CARRIER > 0 && CARRIER != 4 && !fresh -> refused = true /* T is old: replay cache */
			:: else
			fi;
			if
			:: genuine && (CARRIER == 2 || CARRIER >= 4 || (CARRIER == 3 && m == alice[0])) ->
				list_fresh = list_fresh || fresh; list_old = list_old || !fresh
			:: else
			fi
		fi
	od;
	/* what the messages say of the lines, against the lines that came */
	if
	:: list_fresh && count != N -> refused = true
	:: list_old && count != 1 -> refused = true
	:: else
	fi;
	if
	:: CARRIER >= 3 && list_fresh && !refused ->
		i = 0;
		do
		:: i < N ->
			if
			:: got[i] != alice[i] -> refused = true
			:: else
			fi;
			i++
		:: else -> break
		od
	:: else
	fi;
	if
	:: refused || count == 0 -> printf("Bob refuses\n")
	:: else ->
		CHOOSE(got, count, chosen);
		printf("Bob takes mode %d; without Mallory he would have taken %d\n", chosen, honest);
#ifdef REACHABLE             /* the claim is not empty: Bob does take what he would have taken */
		assert(chosen != honest)
#else
		assert(chosen <= honest)
#endif
	fi
}
