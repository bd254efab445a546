/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Alice offers N modes in an order of hers, a line each; Mallory holds the lines and delivers what he likes; Bob takes
 * the winner by min-sum (ties: his own number). Mode 0 is the strongest. Both orders are any permutations.
 *
 * Mallory delivers up to LINES lines, each of them one that Alice made for this call (so that he drops, reorders and
 * repeats), one that she made for an earlier call (he replays), or one of his own (he injects); he has no keys, so that
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
 *
 * Three things keep the search small, and none of them loses a run:
 *
 *   - All lines come in one SIP request, so the steps of each are atomic: neither sees the other between.
 *   - Whether a MAC holds and a message is old are questions about that line alone, so Bob asks them when it arrives;
 *     then of each line its mode is all that is left to know.
 *   - A refusal is final, so that after it what arrived is forgotten, and Mallory is done: Bob would do the same
 *     whatever else arrived.
 *
 * With ALIKE modes have no strength: the claim is that Bob takes no other mode at all, and an old message may offer any
 * one mode. Then modes are mere names, and every case is that of Alice's order 0, 1, 2 … under other names, so that her
 * order is the only one to search. The claim with strengths follows from this one.
 */
#ifndef CARRIER
#define CARRIER 5
#endif
#ifndef N
#define N 3
#endif
#ifndef LINES
#define LINES (N + 1)
#endif
#define WEAKEST (N - 1)
#define END 255

byte alice[N];               /* her modes in her order */
byte bob[N];                 /* his number of each mode */
byte got[LINES];             /* the mode of each line that Bob got */
byte count = 0;
bool refused = false;
bool list_fresh = false;     /* whether a message that speaks of all lines is of this call, */
bool list_old = false;       /* or of an earlier one, that had one line */
chan offer = [0] of { bool };
chan request = [0] of { bool };

#define SHUFFLE(order) /* any permutation */ \
	i = 0; \
	do \
	:: i < N -> order[i] = i; i++ \
	:: else -> break \
	od; \
	i = 0; \
	do \
	:: i < N - 1 -> \
		select(k : i .. N - 1); \
		m = order[i]; order[i] = order[k]; order[k] = m; i++ \
	:: else -> break \
	od

#define CHOOSE(modes, number, winner) /* the smallest sum, then Bob's smaller number */ \
	winner = END; best = END; i = 0; \
	do \
	:: i < number -> \
		score = N * (i + bob[modes[i]]) + bob[modes[i]]; \
		if \
		:: score < best -> best = score; winner = modes[i] \
		:: else \
		fi; \
		i++ \
	:: else -> break \
	od; \
	i = 0; best = 0; score = 0

#define ARRIVES(mode, by_alice, for_this_call) /* Bob's checks of one line */ \
	if \
	:: CARRIER > 0 && !by_alice -> refused = true                        /* the MAC does not hold */ \
	:: CARRIER > 0 && CARRIER != 4 && !for_this_call -> refused = true   /* T is old: replay cache */ \
	:: else -> \
		if \
		:: by_alice && (CARRIER == 2 || CARRIER >= 4 || (CARRIER == 3 && mode == alice[0])) -> \
			list_fresh = list_fresh || for_this_call; list_old = list_old || !for_this_call \
		:: else \
		fi; \
		got[count] = mode; count++ \
	fi; \
	if \
	:: refused -> \
		do \
		:: count > 0 -> count--; got[count] = 0 \
		:: else -> break \
		od; \
		list_fresh = false; list_old = false \
	:: else \
	fi; \
	m = 0

active proctype Mallory() {
	byte m;
	offer?_;
	do
	:: atomic { !refused && count < LINES ->
		if
		:: select(m : 0 .. N - 1);
			printf("Mallory delivers Alice's line of mode %d\n", m);
			ARRIVES(m, true, true)
#ifdef ALIKE
		:: select(m : 0 .. N - 1);
#else
		:: m = WEAKEST;
#endif
			printf("Mallory replays Alice's old message of mode %d\n", m);
			ARRIVES(m, true, false)
		:: select(m : 0 .. N - 1);
			printf("Mallory injects a line of mode %d\n", m);
			ARRIVES(m, false, true)
		fi }
	:: request!true -> break
	od
}

active proctype AliceAndBob() {
	byte i, k, m, best, score, honest, chosen;
	atomic {
#ifdef ALIKE
		i = 0;
		do
		:: i < N -> alice[i] = i; i++
		:: else -> break
		od;
#else
		SHUFFLE(alice);
#endif
		SHUFFLE(bob);
		k = 0; m = 0;
		CHOOSE(alice, N, honest);
		offer!true
	}
	atomic {
		request?_;
		/* what the messages say of the lines, against the lines that came */
		if
		:: list_fresh && count != N -> refused = true
		:: list_old && count != 1 -> refused = true
		:: else
		fi;
		if
		:: CARRIER >= 3 && list_fresh && !refused ->
			do
			:: i < N ->
				if
				:: got[i] != alice[i] -> refused = true
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0
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
#ifdef ALIKE
			assert(chosen == honest)
#else
			assert(chosen <= honest)
#endif
#endif
		fi;
		/* nothing is asked any more, so that all ends are one state */
		i = 0;
		do
		:: i < N -> alice[i] = 0; bob[i] = 0; i++
		:: else -> break
		od;
		do
		:: count > 0 -> count--; got[count] = 0
		:: else -> break
		od;
		i = 0; honest = 0; chosen = 0; refused = false; list_fresh = false; list_old = false
	}
}
