/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Alice offers N modes in an order of hers, a line each; Mallory holds the lines and delivers what he likes; Bob takes
 * the winner by RULE (ties: his own number) and answers; Mallory holds the answer, too, and delivers what he likes; then
 * Alice goes on, or not. Mode 0 is the strongest. Both orders are any permutations.
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
 * Of answers Mallory delivers Bob's own, one that Bob made in an earlier call, one of his own, or none; the latter
 * three also where Bob refused, or got no line at all. Bob's old answer takes the weakest mode.
 *
 *   ANSWER 0   without any MAC (crypto lines, V not asked for)
 *   ANSWER 1   with a MAC over itself
 *   ANSWER 2   with a MAC that also covers the time of the request (V, RFC 3830 section 5.2)
 *   ANSWER 3   so, and it echoes the lines that Bob got
 *
 *   RULE 0 min-sum   1 responder-first   2 initiator-first   3 min-max
 *
 * The claims are the assertions: whatever Mallory does, Bob refuses or takes what he would have taken without him, and
 * so does Alice. With an echo Bob need not notice, for Alice does, and ends the call: then only hers is claimed.
 *
 * Four things keep the search small, and none of them loses a run:
 *
 *   - All lines come in one SIP request, so the steps of each are atomic: neither sees the other between.
 *   - Whether a MAC holds and a message is old are questions about that line alone, so Bob asks them when it arrives;
 *     then of each line its mode is all that is left to know.
 *   - A refusal is final, so that after it what arrived is forgotten, and Mallory is done: Bob would do the same
 *     whatever else arrived.
 *   - Whether what Bob got is what Alice sent is all that his echo tells her, so it is asked before what he got is
 *     forgotten.
 *
 * With ALIKE modes have no strength: the claim is that Bob takes no other mode at all, and an old message may offer,
 * and an old answer take, any one mode. Then modes are mere names, and every case is that of Alice's order 0, 1, 2 … under other names, so that her
 * order is the only one to search. The claim with strengths follows from this one.
 */
#ifndef CARRIER
#define CARRIER 5
#endif
#ifndef ANSWER
#define ANSWER 2
#endif
#ifndef RULE
#define RULE 0
#endif
#ifndef N
#define N 3
#endif
#ifndef LINES
#define LINES (N + 1)
#endif
#define WEAKEST (N - 1)
#define END 255
#if RULE == 0
#define SCORE(her, his) (her + his)
#elif RULE == 1
#define SCORE(her, his) (his)
#elif RULE == 2
#define SCORE(her, his) (her)
#else
#define SCORE(her, his) (her > his -> her : his)
#endif
#ifdef ALIKE
#define OLD(mode) select(mode : 0 .. N - 1)
#else
#define OLD(mode) mode = WEAKEST
#endif
#ifdef REACHABLE             /* the claim is not empty: what would have been taken is taken */
#define CLAIM(taken) assert(taken != honest)
#elif defined(ALIKE)
#define CLAIM(taken) assert(taken == honest)
#else
#define CLAIM(taken) assert(taken <= honest)
#endif

byte alice[N];               /* her modes in her order */
byte bob[N];                 /* his number of each mode */
byte got[LINES];             /* the mode of each line that Bob got */
byte count = 0;
bool refused = false;
bool list_fresh = false;     /* whether a message that speaks of all lines is of this call, */
bool list_old = false;       /* or of an earlier one, that had one line */
bool echo_right = false;     /* whether Bob got the very lines that Alice sent */
byte answer = END;           /* the mode of Bob's answer, then of the one that Alice gets; END: none */
bool by_bob = true;
bool for_request = true;     /* whether the answer is to this call's request */
chan offer = [0] of { bool };
chan request = [0] of { bool };
chan response = [0] of { bool };
chan reply = [0] of { bool };

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

#define CHOOSE(modes, number, winner) /* the smallest score, then Bob's smaller number */ \
	winner = END; best = END; i = 0; \
	do \
	:: i < number -> \
		score = N * SCORE(i, bob[modes[i]]) + bob[modes[i]]; \
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
		:: OLD(m);
			printf("Mallory replays Alice's old message of mode %d\n", m);
			ARRIVES(m, true, false)
		:: select(m : 0 .. N - 1);
			printf("Mallory injects a line of mode %d\n", m);
			ARRIVES(m, false, true)
		fi }
	:: request!true -> break
	od;
	response?_;
	atomic {
		if
		:: answer != END -> printf("Mallory delivers Bob's answer\n")
		:: OLD(answer); for_request = false;
			printf("Mallory replays Bob's old answer of mode %d\n", answer)
		:: select(answer : 0 .. N - 1); by_bob = false;
			printf("Mallory answers in the place of Bob, with mode %d\n", answer)
		:: answer = END -> printf("Mallory delivers no answer\n")
		fi;
		reply!true
	}
}

active proctype AliceAndBob() {
	byte i, k, m, best, score, honest;
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
		echo_right = (count == N);
		do
		:: i < N -> echo_right = echo_right && got[i] == alice[i]; i++
		:: else -> break
		od;
		i = 0;
		if
		:: refused || count == 0 -> printf("Bob refuses\n")
		:: else ->
			CHOOSE(got, count, answer);
			printf("Bob takes mode %d; without Mallory he would have taken %d\n", answer, honest);
#if ANSWER < 3 && !defined(REACHABLE)
			CLAIM(answer)
#endif
		fi;
		/* the lines and orders are not asked any more, so that they are forgotten */
		do
		:: i < N -> alice[i] = 0; bob[i] = 0; i++
		:: else -> break
		od;
		do
		:: count > 0 -> count--; got[count] = 0
		:: else -> break
		od;
		i = 0; refused = false; list_fresh = false; list_old = false;
		response!true
	}
	atomic {
		reply?_;
		if
		:: answer == END -> printf("Alice gets no answer\n")
		:: answer != END && ANSWER > 0 && !by_bob -> printf("Alice refuses: the MAC does not hold\n")
		:: answer != END && ANSWER > 1 && !for_request -> printf("Alice refuses: the answer is old\n")
		:: answer != END && ANSWER > 2 && !echo_right -> printf("Alice refuses: the echo is not of her lines\n")
		:: else ->
			printf("Alice takes mode %d; without Mallory she would have taken %d\n", answer, honest);
			CLAIM(answer)
		fi;
		honest = 0; answer = END; by_bob = true; for_request = true; echo_right = false
	}
}
