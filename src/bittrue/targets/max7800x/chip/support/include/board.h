/* What belongs to the board. */
#ifndef BOARD_H
#define BOARD_H

#include "led.h"
#include "pb.h"

int Board_Init(void);
int Console_Init(void);
void Debug_Init(void);

#endif
